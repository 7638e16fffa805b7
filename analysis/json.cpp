#include "analysis/json.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

#include "analysis/comparison.hpp"
#include "analysis/fields.hpp"

namespace skipstone::analysis {

namespace {

using Json = nlohmann::ordered_json;  // writes what is not finite as null

// Text that is no UTF-8 has U+FFFD where it is not.
std::string text_of(Json const& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Row>
Json object(Row const& row) {
    Json made = Json::object();
    fields(row, [&](std::string_view name, auto const& value) { made[std::string(name)] = value; });
    return made;
}

// A list with one element per line, so that it need not be in memory as a whole.
template <class Element>
void write_list(std::ostream& out, std::vector<Element> const& list, auto const& json_of) {
    out << '[';
    for (std::size_t i = 0; i < list.size(); ++i) out << (i > 0 ? ",\n " : "\n ") << text_of(json_of(list[i]));
    out << ']';
}

}  // namespace

void write_json(std::ostream& out, Analysis const& analysis) {
    out << R"({"format": "skipstone-analysis", "version": 1, "powers": )" << text_of(Json(analysis.powers))
        << ", \"notes\": " << text_of(Json(analysis.notes));
    single_rows(analysis, [&](std::string_view name, auto const& row) {
        out << ",\n\"" << name << "\": " << text_of(object(row));
    });
    tables(analysis, [&](std::string_view name, auto const& rows) {
        out << ",\n\"" << name << "\": ";
        write_list(out, rows, [](auto const& row) { return object(row); });
    });
    Json summary = Json::object();
    for (auto const& [name, value] : summary_row(analysis)) summary[name] = value;
    out << ",\n\"summary\": " << text_of(summary) << "}\n";
}

void write_json(std::ostream& out, std::vector<Analysis> const& analyses) {
    if (analyses.size() == 1) return write_json(out, analyses.front());
    out << R"({"format": "skipstone-analysis-comparison", "version": 1, "traces": [)" << '\n';
    for (std::size_t i = 0; i < analyses.size(); ++i) {
        if (i > 0) out << ",\n";
        write_json(out, analyses[i]);
    }
    out << "], \"comparison\": ";
    write_list(out, compare(analyses), [](ComparedFigure const& figure) {
        return Json{{"figure", figure.figure},
                    {"values", figure.values},
                    {"differences", figure.differences},
                    {"relative", figure.relative}};
    });
    out << "}\n";
}

}  // namespace skipstone::analysis
