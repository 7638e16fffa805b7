#pragma once

#include <functional>
#include <vector>

#include "model/instance.hpp"
#include "model/network.hpp"
#include "model/split.hpp"

namespace skipstone {

// A way in which a block can be split, with what its parts read and hand on: tensors of the types that whole blocks
// hand on, and float32 sums of Split::Kind::inputs. Throws InputError as parts_of does.
InstanceSplit instance_split(Network const& network, BlockId block, Split split);

// By block, those of splits_of that may be used; without a rule, all.
using SplitRule = std::function<bool(Split)>;
std::vector<std::vector<InstanceSplit>> instance_splits(Network const& network, int most_parts,
                                                        SplitRule const& allows = {});

// How large a split's parts are: MACs and weights of the largest one, and what all of them read and hand on.
struct SplitExtent {
    Macs macs{};
    Bytes weights{}, input{}, output{};
};
SplitExtent split_extent(InstanceSplit const& way);

}  // namespace skipstone
