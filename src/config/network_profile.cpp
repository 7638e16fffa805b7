#include "config/network_profile.hpp"

#include <charconv>
#include <utility>
#include <vector>

#include "config/chain_layers.hpp"
#include "config/profile_tables.hpp"
#include "config/toml_reader.hpp"
#include "networks/alexnet.hpp"
#include "networks/exits_text.hpp"
#include "networks/graph_family.hpp"
#include "networks/graph_text.hpp"
#include "networks/mobilenet.hpp"
#include "networks/resnet.hpp"
#include "networks/text.hpp"
#include "networks/vgg.hpp"
#include "networks/xception.hpp"
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

std::shared_ptr<Family const> read_alexnet(TableReader& reader) {
    networks::Alexnet shape;
    shape.year = integer(reader, "year", 2012, 2014, shape.year);
    if (shape.year == 2013) reader.fail("year", "is 2013; there is an AlexNet of 2012 and one of 2014");
    if (shape.year == 2012) shape.groups = integer(reader, "groups", 1, 2, shape.groups);
    return networks::alexnet(shape);
}

std::shared_ptr<Family const> read_vgg(TableReader& reader) {
    networks::Vgg shape;
    shape.depth = static_cast<int>(
        reader.required("depth", reader.integer("depth", 11, 19), "the number of weighted layers, 11, 13, 16 or 19"));
    if (shape.depth != 11 && shape.depth != 13 && shape.depth != 16 && shape.depth != 19)
        reader.fail("depth", "is " + std::to_string(shape.depth) + "; there are 11, 13, 16 and 19");
    shape.batch_norm = reader.boolean("batch_norm").value_or(shape.batch_norm);
    if (auto const hidden = reader.integers("hidden", 1, 65536)) {
        if (hidden->size() > 8) reader.fail("hidden", "lists more than 8 layers");
        shape.hidden.clear();
        for (auto const outputs : *hidden) shape.hidden.push_back(static_cast<int>(outputs));
    }
    return networks::vgg(std::move(shape));
}

std::shared_ptr<Family const> read_mobilenet(TableReader& reader) {
    networks::Mobilenet shape;
    shape.version = static_cast<int>(reader.required("version", reader.integer("version", 1, 2), "which one, 1 or 2"));
    shape.width = reader.number("width", {0, 64, Ends::open_low}).value_or(shape.width);
    return networks::mobilenet(shape);
}

std::shared_ptr<Family const> read_xception(TableReader& reader) {
    networks::Xception shape;
    shape.middle = integer(reader, "middle", 1, 1000, shape.middle);
    return networks::xception(shape);
}

std::shared_ptr<Family const> read_chain_family(TableReader& reader) {
    return networks::chain(read_chain(reader));
}

std::shared_ptr<Family const> read_graph_family(TableReader& reader) {
    auto const text = reader.required("graph", reader.text("graph"),
                                      "the network as text, as a weights file of `skipstone import` has it");
    return networks::graph_family(
        networks::read_graph(text, {reader.value().origin->name, reader.get("graph")->line, reader.path_of("graph")}));
}

// The family of a profile, the size of its input where it names none, and how its own keys are read.
struct Reading {
    int input;
    std::shared_ptr<Family const> (*read)(TableReader&);
};
constexpr std::array<std::pair<std::string_view, Reading>, 7> families{{{"resnet", {224, read_resnet}},
                                                                        {"alexnet", {227, read_alexnet}},
                                                                        {"vgg", {224, read_vgg}},
                                                                        {"mobilenet", {224, read_mobilenet}},
                                                                        {"xception", {299, read_xception}},
                                                                        {"chain", {224, read_chain_family}},
                                                                        {"graph", {0, read_graph_family}}}};

constexpr int largest_side = 4096;

// 224, "49x10" or [49, 10]: rows and columns.
std::optional<Extent> read_input(TableReader& reader) {
    Value const* value = reader.get("input");
    if (!value || value->type != Value::Type::text) return read_extent(reader, "input", 1, largest_side);
    std::vector<int> sides;
    std::string_view rest = value->text;
    while (true) {
        int side = 0;
        auto const [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), side);
        bool const fits = error == std::errc() && side >= 1 && side <= largest_side;
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        if (fits) sides.push_back(side);
        if (fits && sides.size() == 2 && rest.empty()) return Extent{sides[0], sides[1]};
        if (!fits || sides.size() == 2 || !rest.starts_with('x'))
            reader.fail("input", "is \"" + value->text +
                                     "\"; write one number, or rows and columns such as \"49x10\", each 1 to " +
                                     std::to_string(largest_side));
        rest.remove_prefix(1);
    }
}

}  // namespace

NetworkProfile read_network_profile(TableReader reader) {
    NetworkProfile profile;
    profile.name = reader.required("name", reader.text("name"), "what the profile is called");
    if (profile.name.empty()) reader.fail("name", "is empty; a profile needs a name");
    if (printable(profile.name) != profile.name) reader.fail("name", "has control characters");
    reader.text("source");
    auto const reading = reader.choice("family", families).value_or(families.front().second);
    profile.family = reading.read(reader);
    if (auto const* blueprint = networks::as_graph(*profile.family)) {  // input and classes are the graph's
        profile = networks::profile_of(profile.name, *blueprint);
    } else {
        auto const size = read_input(reader).value_or(Extent{reading.input, reading.input});
        profile.input = {1, size.h, size.w, integer(reader, "channels", 1, 65536, profile.input.c)};
        profile.classes = integer(reader, "classes", 1, 1'000'000, profile.classes);
    }
    if (auto const exits = reader.text("exits"))
        profile.exits = networks::read_exits(
            *exits, {reader.value().origin->name, reader.get("exits")->line, reader.path_of("exits")});
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
    auto const& in = profile.input;
    // No quote stands in the text of exits, and no backslash means anything between single ones.
    auto const own = line("name", toml_string(profile.name)) + line("family", toml_string(profile.family->name())) +
                     profile.family->lines() +
                     (profile.exits.empty() ? "" : line("exits", "'" + networks::exits_text(profile.exits) + "'"));
    if (!profile.family->is_scalable()) return own;
    return own + line("input", in.h == in.w ? std::to_string(in.h) : networks::list({in.h, in.w})) +
           (in.c == 3 ? "" : line("channels", std::to_string(in.c))) + line("classes", std::to_string(profile.classes));
}

BlockRule read_block_rule(TableReader& reader, std::string_view key) {
    Value const* value = reader.get(key);
    if (!value) return {};
    if (value->type != Value::Type::list)
        return {reader
                    .choice<BlockRule::Kind>(key,
                                             {{"finest", BlockRule::Kind::finest}, {"stages", BlockRule::Kind::stages}})
                    .value(),
                {}};
    BlockRule rule{BlockRule::Kind::listed, {}};
    for (std::size_t i = 0; i < value->items.size(); ++i) {
        auto const& list = value->items[i];
        auto const fail = [&](Value const& place) {
            fail_at(place, reader.path_of(key) + "[" + std::to_string(i) + "]",
                    "must be a list of names, the blocks that are one, such as [\"conv1_1\", \"conv1_2\"]");
        };
        if (list.type != Value::Type::list) fail(list);
        auto& names = rule.lists.emplace_back();
        for (auto const& name : list.items) {
            if (name.type != Value::Type::text) fail(name);
            names.push_back(name.text);
        }
    }
    return rule;
}

std::string block_rule_text(BlockRule const& rule) {
    if (rule.kind == BlockRule::Kind::stages) return toml_string("stages");
    if (rule.kind == BlockRule::Kind::finest) return toml_string("finest");
    std::string text;
    for (auto const& list : rule.lists) text += (text.empty() ? "" : ", ") + string_list(list);
    return "[" + text + "]";
}

}  // namespace skipstone::config
