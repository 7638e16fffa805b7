#include "sweep/table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>

#include "config/file_kind.hpp"
#include "hdf5/file.hpp"
#include "units/csv.hpp"
#include "sweep/table_check.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/draft.hpp"

namespace skipstone::sweep {

namespace {

// The shortest text that reads back as the same number.
std::string shortest(double value) {
    if (std::isnan(value)) return "";
    char text[64];
    auto const [end, error] = std::to_chars(std::begin(text), std::end(text), value);
    SKIPSTONE_ENSURE(error == std::errc());
    return {text, end};
}

bool is_numeric(Table const& table, std::size_t parameter) {
    return std::ranges::all_of(table.rows, [&](Table::Row const& row) {
        auto const& label = row.point.labels[parameter];
        return label.text.empty() || label.number;
    });
}

// One column of the HDF5 table, and how a row's value gets there.
struct Column {
    hdf5::Column type;
    std::function<void(Table::Row const&, std::byte*)> put;
};

class Columns {
  public:
    void add_integer(std::string const& name, std::function<std::int64_t(Table::Row const&)> value) {
        add(name, hdf5::ColumnType::int64, 8, [value = std::move(value)](Table::Row const& row, std::byte* to) {
            auto const number = value(row);
            std::memcpy(to, &number, sizeof number);
        });
    }
    void add_real(std::string const& name, std::function<double(Table::Row const&)> value) {
        add(name, hdf5::ColumnType::float64, 8, [value = std::move(value)](Table::Row const& row, std::byte* to) {
            auto const number = value(row);
            std::memcpy(to, &number, sizeof number);
        });
    }
    void add_text(std::string const& name, Table const& table, std::function<std::string(Table::Row const&)> value) {
        std::size_t longest = 1;
        for (auto const& row : table.rows) longest = std::max(longest, value(row).size());
        add(name, hdf5::ColumnType::text, longest, [value = std::move(value)](Table::Row const& row, std::byte* to) {
            auto const text = value(row);
            std::memcpy(to, text.data(), text.size());
        });
    }

    hdf5::RowType type() const {
        std::vector<hdf5::Column> types;
        for (auto const& column : columns_) types.push_back(column.type);
        return {size_, std::move(types)};
    }
    std::vector<std::byte> bytes(Table const& table) const {
        std::vector<std::byte> bytes(size_ * table.rows.size());
        for (std::size_t i = 0; i < table.rows.size(); ++i)
            for (auto const& column : columns_) column.put(table.rows[i], &bytes[i * size_ + column.type.offset]);
        return bytes;
    }

  private:
    void add(std::string const& name, hdf5::ColumnType type, std::size_t size,
             std::function<void(Table::Row const&, std::byte*)> put) {
        columns_.push_back({{name, type, size_, type == hdf5::ColumnType::text ? size : 0, {}}, std::move(put)});
        size_ += size;
    }
    std::vector<Column> columns_;
    std::size_t size_ = 0;
};

Columns columns_of(Table const& table) {
    Columns columns;
    columns.add_integer("index", [](Table::Row const& row) { return static_cast<std::int64_t>(row.point.index); });
    columns.add_text("id", table, [](Table::Row const& row) { return row.point.id; });
    columns.add_text("name", table, [](Table::Row const& row) { return row.point.name; });
    columns.add_integer("seed", [](Table::Row const& row) { return static_cast<std::int64_t>(row.point.seed); });
    for (std::size_t p = 0; p < table.parameters.size(); ++p)
        if (is_numeric(table, p))
            columns.add_real(table.parameters[p], [p](Table::Row const& row) {
                return row.point.labels[p].number.value_or(std::numeric_limits<double>::quiet_NaN());
            });
        else
            columns.add_text(table.parameters[p], table,
                             [p](Table::Row const& row) { return row.point.labels[p].text; });
    for (std::size_t f = 0; f < table.figures.size(); ++f)
        columns.add_real(table.figures[f], [f](Table::Row const& row) { return row.figures[f]; });
    return columns;
}

void write_hdf5(Table const& table, std::filesystem::path const& path) {
    auto const columns = columns_of(table);
    auto const type = columns.type();
    auto file = hdf5::File::create(path.string());
    file.write_string("format", table_format);
    file.write_integer("format_version", 1);
    {
        auto dataset = file.create_table("points", type, std::max<std::size_t>(1, table.rows.size()), {});
        dataset.append_rows(type, columns.bytes(table));
        dataset.write_strings("parameters", table.parameters);
        dataset.write_strings("figures", table.figures);
    }
    file.close();
}

}  // namespace

Collected collect(Manifest const& manifest, Folder const& folder, Program const& program, HostFigures host) {
    Collected collected;
    auto& table = collected.table;
    table.parameters = manifest.parameters;
    std::set<std::string> software;
    std::unordered_map<std::string, std::size_t> row_of_id;
    std::optional<config::Figures> names;
    for (auto const& point : manifest.points) {
        if (auto const known = row_of_id.find(point.id); known != row_of_id.end()) {  // the same scenario once more
            table.rows.push_back({point, table.rows[known->second].figures});
            continue;
        }
        auto const record = folder.record(point.id);
        if (!record) {
            collected.missing.push_back(point.index);
            continue;
        }
        software.insert(record->software);
        auto figures =
            record->summary_by == program.identity ? record->summary : program.summarise(folder.trace(point.id));
        if (host == HostFigures::with)
            figures.emplace_back("seconds", record->seconds);
        else
            std::erase_if(figures, [&](auto const& figure) {
                return std::ranges::find(program.host_figures, figure.first) != program.host_figures.end();
            });
        if (!names) {
            names = figures;
            for (auto const& [name, value] : figures) table.figures.push_back(name);
        }
        SKIPSTONE_ENSURE(std::ranges::equal(
            figures, *names, {}, [](auto const& f) { return f.first; }, [](auto const& f) { return f.first; }));
        Table::Row row{point, {}};
        for (auto const& [name, value] : figures) row.figures.push_back(value);
        row_of_id.emplace(point.id, table.rows.size());
        table.rows.push_back(std::move(row));
    }
    collected.software.assign(software.begin(), software.end());
    return collected;
}

std::string csv_text(Table const& table) {
    std::string text = "index,id,name,seed";
    for (auto const& name : table.parameters) text += "," + csv_cell(name);
    for (auto const& name : table.figures) text += "," + csv_cell(name);
    text += "\n";
    for (auto const& [point, figures] : table.rows) {
        text += std::to_string(point.index) + "," + point.id + "," + point.name + "," + std::to_string(point.seed);
        for (auto const& label : point.labels) text += "," + csv_cell(label.text);
        for (auto const figure : figures) text += "," + shortest(figure);
        text += "\n";
    }
    return text;
}

void check_table_name(std::filesystem::path const& name) {
    std::error_code error;
    if (name.filename().empty() || !std::filesystem::is_directory(std::filesystem::absolute(name).parent_path(), error))
        throw InputError({name.string(), 0, ""}, "cannot be a table's name: its folder does not exist");
    for (auto const* const extension : {".h5", ".csv"}) {
        auto const file = name.string() + extension;
        refuse_to_replace_input(file);
        // A sweep's inputs are not read again when it is collected: weights beside it, say. A link is replaced itself.
        if (std::filesystem::is_symlink(file, error) || !std::filesystem::exists(file, error)) continue;
        if (auto const kind = config::identify(file); kind != config::FileKind::sweep_table)
            throw InputError({file, 0, ""}, config::kind_text(kind, file) + "; a table of a sweep does not take its place: name another");
    }
}

void write_table(Table const& table, std::filesystem::path const& name) {
    check_table_name(name);
    auto const folder = std::filesystem::absolute(name).parent_path();
    Folder const place(folder);
    auto const hdf5 = folder / (name.filename().string() + ".h5");
    auto const draft = new_draft(hdf5);
    try {
        write_hdf5(table, draft);
        std::filesystem::rename(draft, hdf5);
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove(draft, ignored);
        throw;
    }
    place.write(folder / (name.filename().string() + ".csv"), csv_text(table));
}

}  // namespace skipstone::sweep
