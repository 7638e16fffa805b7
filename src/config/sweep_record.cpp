#include "config/sweep_record.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "config/json_reader.hpp"
#include "config/table_reader.hpp"

namespace skipstone::config {

namespace {

using Json = nlohmann::ordered_json;

// Invalid UTF-8, which a failed program may write, is replaced.
std::string dumped(Json const& json) {
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string text_at(TableReader& reader, char const* key) {
    return reader.required(key, reader.text(key), "a part of every record");
}

constexpr auto most = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::string record_text(SweepRecord const& record) {
    Json summary = Json::object();
    for (auto const& [name, value] : record.summary) summary[name] = std::isnan(value) ? Json() : Json(value);
    return dumped({{"id", record.id},
                   {"name", record.name},
                   {"digest", record.digest},
                   {"trace_bytes", record.trace_bytes},
                   {"seconds", record.seconds},
                   {"host", record.host},
                   {"date", record.date},
                   {"software", record.software},
                   {"summary_by", record.summary_by},
                   {"summary", std::move(summary)}});
}

std::string failure_text(SweepFailure const& failure) {
    return dumped({{"id", failure.id},
                   {"name", failure.name},
                   {"status", failure.status},
                   {"reason", failure.reason},
                   {"output", failure.output},
                   {"seconds", failure.seconds},
                   {"host", failure.host},
                   {"date", failure.date}});
}

SweepRecord parse_record(std::string_view text, std::string const& file) {
    Value const root = parse_json(text, std::make_shared<Origin const>(Origin{file, {}}));
    TableReader reader(root, "");
    SweepRecord record;
    record.id = text_at(reader, "id");
    record.name = text_at(reader, "name");
    record.digest = text_at(reader, "digest");
    record.trace_bytes = reader.required("trace_bytes", reader.integer("trace_bytes", 0, most), "the trace's size");
    record.seconds = reader.required("seconds", reader.number("seconds", not_negative), "how long it took");
    record.host = text_at(reader, "host");
    record.date = text_at(reader, "date");
    record.software = text_at(reader, "software");
    record.summary_by = text_at(reader, "summary_by");
    auto const summary = reader.required("summary", reader.table("summary"), "what the trace adds up to");
    auto const& table = summary.value();
    for (std::size_t i = 0; i < table.keys.size(); ++i)
        record.summary.emplace_back(table.keys[i], table.items[i].type == Value::Type::null
                                                       ? std::numeric_limits<double>::quiet_NaN()
                                                       : number_of(table.items[i], summary.path_of(table.keys[i]), {}));
    return record;
}

SweepFailure parse_failure(std::string_view text, std::string const& file) {
    Value const root = parse_json(text, std::make_shared<Origin const>(Origin{file, {}}));
    TableReader reader(root, "");
    SweepFailure failure;
    failure.id = text_at(reader, "id");
    failure.name = text_at(reader, "name");
    failure.status = static_cast<int>(reader.required("status", reader.integer("status", 0, 1000), "its exit status"));
    failure.reason = text_at(reader, "reason");
    failure.output = text_at(reader, "output");
    failure.seconds = reader.required("seconds", reader.number("seconds", not_negative), "how long it took");
    failure.host = text_at(reader, "host");
    failure.date = text_at(reader, "date");
    return failure;
}

std::string json_string(std::string_view text) {
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace skipstone::config
