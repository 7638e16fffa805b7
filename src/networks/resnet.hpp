#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "model/network.hpp"

namespace skipstone::networks {

enum class BlockKind { bottleneck, basic };        // bottleneck: 1x1, 3x3, 1x1; basic: 3x3, 3x3
enum class ShortcutKind { projection, zero_pad };  // of a block whose shape changes: a convolution, or op::Subsample
enum class StemKind { imagenet, cifar };           // 7x7 stride 2 and a 3x3 max-pool stride 2; or one 3x3
enum class Variant { v1, v1_5 };                   // stage's stride on the first 1x1, or on the 3x3

inline constexpr std::array<std::pair<std::string_view, BlockKind>, 2> block_kind_names{
    {{"bottleneck", BlockKind::bottleneck}, {"basic", BlockKind::basic}}};
inline constexpr std::array<std::pair<std::string_view, ShortcutKind>, 2> shortcut_kind_names{
    {{"projection", ShortcutKind::projection}, {"zero-pad", ShortcutKind::zero_pad}}};
inline constexpr std::array<std::pair<std::string_view, StemKind>, 2> stem_kind_names{
    {{"imagenet", StemKind::imagenet}, {"cifar", StemKind::cifar}}};
inline constexpr std::array<std::pair<std::string_view, Variant>, 2> variant_names{
    {{"v1", Variant::v1}, {"v1.5", Variant::v1_5}}};

// Residual networks (He et al. 2015); operators under torchvision's names, blocks "stem", "s2b1", …, "head".
struct Resnet {
    std::vector<int> stages;  // blocks per stage, e.g. {3, 4, 6, 3}
    int width = 64;           // channels of the stem and of the first stage's inner convolutions; doubles every stage
    int expansion = 4;        // a bottleneck's output channels / its width; 1 for basic blocks
    BlockKind block = BlockKind::bottleneck;
    ShortcutKind shortcut = ShortcutKind::projection;
    StemKind stem = StemKind::imagenet;
    Variant variant = Variant::v1;
};

std::shared_ptr<Family const> resnet(Resnet shape);
// What a family was made from, if it is this one.
Resnet const* as_resnet(Family const& family);

}  // namespace skipstone::networks
