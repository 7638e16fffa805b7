#include "config/network_profile.hpp"

#include <utility>

#include "config/toml_reader.hpp"
#include "networks/resnet.hpp"
#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::config {

namespace {

int integer(TableReader& reader, std::string_view key, int least, int most, int otherwise) {
    return static_cast<int>(reader.integer(key, least, most).value_or(otherwise));
}

std::shared_ptr<Family const> read_resnet(TableReader& reader) {
    networks::Resnet shape;
    for (std::int64_t const blocks :
         reader.required("stages", reader.integers("stages", 1, 1000), "the number of blocks of every stage"))
        shape.stages.push_back(static_cast<int>(blocks));
    shape.block = reader.required("block", reader.choice("block", networks::block_kind_names),
                                  "the kind of its residual blocks, \"bottleneck\" or \"basic\"");
    shape.width = integer(reader, "width", 1, 4096, shape.width);
    shape.expansion = integer(reader, "expansion", 1, 64, shape.block == networks::BlockKind::bottleneck ? 4 : 1);
    shape.shortcut = reader.choice("shortcut", networks::shortcut_kind_names).value_or(shape.shortcut);
    shape.stem = reader.choice("stem", networks::stem_kind_names).value_or(shape.stem);
    shape.variant = reader.choice("variant", networks::variant_names).value_or(shape.variant);
    return networks::resnet(std::move(shape));
}

using Read = std::shared_ptr<Family const> (*)(TableReader&);
constexpr std::array<std::pair<std::string_view, Read>, 1> families{{{"resnet", read_resnet}}};

}  // namespace

NetworkProfile read_network_profile(TableReader reader) {
    NetworkProfile profile;
    profile.name = reader.required("name", reader.text("name"), "what the profile is called");
    if (profile.name.empty()) reader.fail("name", "is empty; a profile needs a name");
    if (printable(profile.name) != profile.name) reader.fail("name", "has control characters");
    reader.text("source");
    auto const read = reader.choice("family", families).value_or(families.front().second);
    profile.family = read(reader);
    auto const size = integer(reader, "input", 1, 4096, profile.input.h);
    profile.input = image_shape(size);
    profile.classes = integer(reader, "classes", 1, 1'000'000, profile.classes);
    reader.finish();
    try {
        Network const network(profile);
    } catch (InputError const& error) {
        fail_at(reader.value(), reader.path(), error.what());
    }
    return profile;
}

std::string network_lines(NetworkProfile const& profile) {
    using networks::line;
    return line("name", toml_string(profile.name)) + line("family", toml_string(profile.family->name())) +
           profile.family->lines() + line("input", std::to_string(profile.input.h)) +
           line("classes", std::to_string(profile.classes));
}

}  // namespace skipstone::config
