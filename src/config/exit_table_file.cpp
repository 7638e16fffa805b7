#include "config/exit_table_file.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "config/file_kind.hpp"
#include "hdf5/file.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/output_file.hpp"

namespace skipstone::config {

namespace {

constexpr std::string_view format = "skipstone-exit-table", end_name = "end";
constexpr std::size_t most_outcomes = 10'000, rows_at_once = 4096;
constexpr double largest_class = 1 << 30;

[[noreturn]] void refuse(hdf5::Object const& object, std::string const& attribute, std::string const& problem) {
    throw InputError({object.file(), 0, object.name() + (attribute.empty() ? "" : "@" + attribute)}, problem);
}

std::string extents_text(std::vector<std::uint64_t> const& extents) {
    std::string text = "[";
    for (auto const extent : extents) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
}

std::vector<std::string> read_names(hdf5::File const& file, std::string const& attribute) {
    auto names = file.read_strings(attribute);
    std::set<std::string> seen;
    for (auto const& name : names) {
        if (name.empty()) refuse(file, attribute, "has an empty name");
        if (!seen.insert(name).second) refuse(file, attribute, "names " + name + " twice");
    }
    return names;
}

// The array, after it was found to be of that shape.
hdf5::Dataset array_of(hdf5::File const& file, std::string const& name, std::vector<std::uint64_t> const& shape,
                       hdf5::TypeClass type) {
    auto array = file.dataset(name);
    if (array.shape() != shape)
        refuse(
            array, "",
            "has the shape " + extents_text(array.shape()) + ", and outcomes and labels give " + extents_text(shape));
    if (array.element_type().type_class != type)
        refuse(array, "", type == hdf5::TypeClass::integer ? "is not of integers" : "is not of floating-point numbers");
    array.require_believable();
    return array;
}

// Classes, in rows of so many.
std::vector<std::int32_t> read_classes(hdf5::Dataset const& array, std::size_t rows, std::size_t in_row) {
    std::vector<std::int32_t> classes;
    classes.reserve(rows * in_row);
    for (std::size_t first = 0; first < rows; first += rows_at_once) {
        for (double const value : array.read_doubles(first, std::min(rows_at_once, rows - first))) {
            if (!(value >= 0 && value <= largest_class))
                refuse(array, "",
                       "has a class below 0 or beyond " + std::to_string(1 << 30) + " in row " +
                           std::to_string(classes.size() / in_row));
            classes.push_back(static_cast<std::int32_t>(value));
        }
    }
    return classes;
}

std::vector<double> read_costs(hdf5::File const& file, std::string const& attribute, std::size_t outcomes) {
    auto costs = file.read_doubles(attribute);
    if (costs.size() != outcomes)
        refuse(file, attribute,
               "has " + std::to_string(costs.size()) + " values for " + std::to_string(outcomes) + " outcomes");
    for (double const cost : costs)
        if (!(std::isfinite(cost) && cost >= 0)) refuse(file, attribute, "has a value that is no number of MACs");
    return costs;
}

// What a request costs grows along the chain, and heads are a part of it.
void check_costs(hdf5::File const& file, ExitTable const& table) {
    double heads = 0, chain = 0;
    for (std::size_t o = 0; o < table.outcomes(); ++o) {
        heads += table.head_macs[o];
        double const without = table.macs[o] - heads, rounding = 1e-9 * table.macs[o];
        if (without < chain - rounding)
            refuse(
                file, "macs",
                "at outcome " + std::to_string(o) + " is less than what comes before it and head_macs cost together");
        chain = without;
    }
    if (table.head_macs.back() != 0) refuse(file, "head_macs", "the end has no head, its value must be 0");
    if (!(table.macs.back() > 0)) refuse(file, "macs", "are 0 at the end; a network has some");
}

ExitTable read(std::string const& path) {
    remember_input(path);
    auto const file = hdf5::File::open(path, hdf5::Access::read);
    if (!file.has_attribute("format") || file.read_string("format") != format)
        refuse(file, "format", "is not \"" + std::string(format) + "\"; `skipstone exits measure` writes exit tables");
    if (auto const version = file.read_integer("format_version"); version != 1)
        refuse(file, "format_version", "is " + std::to_string(version) + "; this program reads version 1");
    ExitTable table;
    table.network = file.read_string("network");
    table.dataset = file.read_string("dataset");
    table.weights_sha256 = file.read_string("weights_sha256");
    table.exits = read_names(file, "outcomes");
    if (table.exits.empty() || table.exits.back() != end_name) refuse(file, "outcomes", "must have \"end\" last");
    if (table.exits.size() > most_outcomes) refuse(file, "outcomes", "are more than " + std::to_string(most_outcomes));
    table.exits.pop_back();
    if (file.has_attribute("dropped")) table.dropped = read_names(file, "dropped");
    auto const outcomes = table.outcomes();
    table.macs = read_costs(file, "macs", outcomes);
    table.head_macs = read_costs(file, "head_macs", outcomes);
    check_costs(file, table);
    auto const labels = file.dataset("labels");
    if (labels.shape().size() != 1)
        refuse(labels, "", "has the shape " + extents_text(labels.shape()) + " where [samples] is expected");
    table.samples = labels.rows();
    if (table.samples == 0) refuse(labels, "", "is empty: a table has at least one sample");
    table.labels = read_classes(array_of(file, "labels", {table.samples}, hdf5::TypeClass::integer), table.samples, 1);
    auto const predicted = array_of(file, "predicted", {table.samples, outcomes}, hdf5::TypeClass::integer);
    auto const confidence = array_of(file, "confidence", {table.samples, outcomes}, hdf5::TypeClass::real);
    table.predicted = read_classes(predicted, table.samples, outcomes);
    table.confidence = confidence.read_floats();
    auto const bad =
        std::ranges::find_if(table.confidence, [](float value) { return value < 0 || value > 1; });  // NaN may be
    if (bad != table.confidence.end())
        refuse(confidence, "",
               "has a value outside 0 … 1 in row " +
                   std::to_string(static_cast<std::size_t>(bad - table.confidence.begin()) / outcomes));
    return table;
}

}  // namespace

ExitTable read_exit_table(std::filesystem::path const& path) {
    return read_as(FileKind::exit_table, path, [&] { return read(path.string()); });
}

void write_exit_table(std::filesystem::path const& path, ExitTable const& table,
                      ExitTableProvenance const& provenance) {
    auto const outcomes = table.outcomes();
    SKIPSTONE_EXPECT(table.samples > 0 && table.labels.size() == table.samples);
    SKIPSTONE_EXPECT(table.confidence.size() == table.samples * outcomes);
    SKIPSTONE_EXPECT(table.predicted.size() == table.samples * outcomes);
    SKIPSTONE_EXPECT(table.macs.size() == outcomes && table.head_macs.size() == outcomes);
    write_file_at(path, [&](std::filesystem::path const& draft) {
        auto file = hdf5::File::create(draft.string(), hdf5::Storage::packed);
        file.write_string("format", format);
        file.write_integer("format_version", 1);
        file.write_string("network", table.network);
        file.write_string("dataset", table.dataset);
        file.write_string("weights_sha256", table.weights_sha256);
        auto names = table.exits;
        names.emplace_back(end_name);
        file.write_strings("outcomes", names);
        if (!table.dropped.empty()) file.write_strings("dropped", table.dropped);
        file.write_doubles("macs", table.macs);
        file.write_doubles("head_macs", table.head_macs);
        file.write_string("date", provenance.date);
        file.write_string("software", provenance.software);
        file.write_string("instruction_set", provenance.instruction_set);
        file.write_string("weights", provenance.weights);
        file.write_string("data_sha256", provenance.data_sha256);
        file.create_floats("confidence", {table.samples, outcomes}, table.confidence);
        file.create_integers("predicted", {table.samples, outcomes}).write_integers(0, table.predicted);
        file.create_integers("labels", {table.samples}).write_integers(0, table.labels);
        file.close();
    });
}

}  // namespace skipstone::config
