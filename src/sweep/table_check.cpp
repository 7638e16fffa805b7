#include "sweep/table_check.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

#include "hdf5/file.hpp"
#include "units/error.hpp"

namespace skipstone::sweep {

std::vector<std::string> check_table(std::filesystem::path const& path) {
    auto const file = hdf5::File::open(path.string(), hdf5::Access::read);
    if (auto const version = file.read_integer("format_version"); version != 1)
        throw InputError({path.string(), 0, ""},
                         "is a sweep's table of format version " + std::to_string(version) + "; 1 is read");
    auto const points = file.dataset("points");
    auto const columns = points.column_names();
    auto wanted = points.read_strings("parameters");
    auto const figures = points.read_strings("figures");
    wanted.insert(wanted.end(), figures.begin(), figures.end());
    wanted.insert(wanted.end(), {"index", "id", "name", "seed"});
    std::vector<std::string> found;
    for (auto const& name : wanted)
        if (!name.empty() && std::ranges::find(columns, name) == columns.end())
            found.push_back("/points lacks the column '" + name + "'");
    if (!found.empty()) return found;
    hdf5::RowType const type(sizeof(std::int64_t), {{"index", hdf5::ColumnType::int64, 0, 0, {}}});
    std::vector<std::int64_t> index(points.rows());
    points.read_rows(type, 0, index.size(), std::as_writable_bytes(std::span(index)));
    if (!std::ranges::is_sorted(index) || std::ranges::adjacent_find(index) != index.end() ||
        (!index.empty() && index.front() < 0))
        found.push_back("/points does not have its points in order, each once");
    return found;
}

}  // namespace skipstone::sweep
