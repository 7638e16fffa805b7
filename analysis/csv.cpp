#include "analysis/csv.hpp"

#include <charconv>
#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <type_traits>

#include "analysis/comparison.hpp"
#include "analysis/fields.hpp"
#include "units/csv.hpp"
#include "units/error.hpp"
#include "units/output_file.hpp"

namespace skipstone::analysis {

namespace {

std::string cell(std::string_view text) {
    return csv_cell(text);
}

template <class Number>
requires std::is_arithmetic_v<Number> std::string cell(Number value) {
    if constexpr (std::is_same_v<Number, bool>) {
        return value ? "1" : "0";
    } else {
        if constexpr (std::is_floating_point_v<Number>)
            if (std::isnan(value)) return "";
        char text[32];
        auto const end = std::to_chars(text, text + sizeof text, value).ptr;
        return {text, end};
    }
}

// The files of a folder, which grow line by line and are written at the end.
class Folder {
  public:
    explicit Folder(std::filesystem::path folder) : folder_(std::move(folder)) {
        std::error_code error;
        std::filesystem::create_directories(folder_, error);
        if (error) throw InputError({folder_.string(), 0, ""}, "cannot be made (" + error.message() + ")");
    }

    // The table's file; `heading` is its first line.
    std::ostringstream& file(std::string_view table, std::string const& heading) {
        auto const [found, is_new] = files_.try_emplace(std::string(table));
        if (is_new) found->second << heading << '\n';
        return found->second;
    }

    void write() const {
        for (auto const& [table, file] : files_)
            write_file_in(folder_, table + ".csv", [&](std::ostream& out) { out << file.str(); });
    }

  private:
    std::filesystem::path folder_;
    std::map<std::string, std::ostringstream> files_;
};

// trace: the first cell of every line; empty: there is no such column.
template <class Row>
void add_rows(Folder& folder, std::string_view table, std::vector<Row> const& rows, std::string const& trace) {
    std::string heading = trace.empty() ? "" : "trace";
    fields(Row{},
           [&](std::string_view name, auto const&) { heading += (heading.empty() ? "" : ",") + std::string(name); });
    auto& file = folder.file(table, heading);
    for (auto const& row : rows) {
        std::string line = trace.empty() ? "" : cell(trace);
        bool first = trace.empty();
        fields(row, [&](std::string_view, auto const& value) {
            line += (first ? "" : ",") + cell(value);
            first = false;
        });
        file << line << '\n';
    }
}

}  // namespace

void write_csv(std::filesystem::path const& path, std::vector<Analysis> const& analyses) {
    Folder folder(path);
    bool const several = analyses.size() > 1;
    for (auto const& analysis : analyses) {
        auto const trace = several ? analysis.trace.path : "";
        single_rows(analysis, [&]<class Row>(std::string_view table, Row const& row) {
            add_rows(folder, table, std::vector<Row>{row}, trace);
        });
        tables(analysis, [&](std::string_view table, auto const& rows) { add_rows(folder, table, rows, trace); });
        auto& summary = folder.file("summary", several ? "trace,figure,value" : "figure,value");
        for (auto const& [name, value] : summary_row(analysis))
            summary << (several ? cell(trace) + "," : "") << name << ',' << cell(value) << '\n';
    }
    if (several) {
        auto& file = folder.file("comparison", "figure,trace,value,difference,relative");
        for (auto const& figure : compare(analyses))
            for (std::size_t i = 0; i < analyses.size(); ++i)
                file << figure.figure << ',' << cell(analyses[i].trace.path) << ',' << cell(figure.values[i]) << ','
                     << cell(figure.differences[i]) << ',' << cell(figure.relative[i]) << '\n';
    }
    folder.write();
}

}  // namespace skipstone::analysis
