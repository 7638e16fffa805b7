#include "study/study_table.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/profiles.hpp"
#include "units/error.hpp"
#include "units/proportion.hpp"

namespace skipstone::study {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int most_classes = 100;  // of a confusion matrix in JSON

std::vector<std::string> names(std::vector<BlockId> const& blocks, Network const& network) {
    std::vector<std::string> texts;
    for (auto const block : blocks) texts.push_back(network.block(block).name);
    return texts;
}

AccuracyRow row_of(MeasuredSet const& measured, Network const& network) {
    auto const correct = static_cast<long>(measured.correct), samples = static_cast<long>(measured.predictions.size());
    AccuracyRow row;
    row.dropped = names(measured.set.dropped, network);
    row.mode = measured.set.mode;
    row.accuracy = static_cast<double>(correct) / static_cast<double>(samples);
    row.correct = correct;
    row.samples = samples;
    row.confidence = confidence_interval(correct, samples);
    row.memory_gain = memory_gain(measured.set, network);
    row.computation_gain = computation_gain(measured.set, network);
    return row;
}

Json confusion(MeasuredSet const& measured, DataSet const& data, int classes) {
    auto const size = static_cast<std::size_t>(classes);
    std::vector<std::vector<long>> counts(size, std::vector<long>(size));
    for (std::size_t i = 0; i < measured.predictions.size(); ++i)
        ++counts[static_cast<std::size_t>(data.label(i))][measured.predictions[i]];
    return counts;
}

std::string file_name(std::string const& path) {
    return fs::path(path).filename().string();
}

}  // namespace

std::string table_text(Workplace const& workplace, Measurement const& measurement, std::vector<NotRun> const& not_run,
                       Provenance const& provenance) {
    auto const& data = workplace.data(measurement.data);
    auto const& weights = workplace.weights();
    AccuracyTable table;
    table.network = workplace.network().name();
    table.precision = workplace.network().precision();
    table.dataset = data.name();
    table.samples = static_cast<long>(data.size());
    table.weights_sha256 = weights.sha256;
    table.source = "measured by skipstone study with the weights " + file_name(weights.file) + " (sha256 " +
                   weights.sha256 + "), " + provenance.date;
    for (auto const& set : measurement.sets) table.rows.push_back(row_of(set, workplace.network()));
    config::AccuracyProvenance about{provenance.date,
                                     file_name(weights.file),
                                     provenance.software,
                                     provenance.remark,
                                     provenance.convolutions,
                                     workplace.network().input_shape().h,
                                     data.class_folders(),
                                     {},
                                     {}};
    for (auto const& block : workplace.network().blocks()) {
        about.blocks.push_back(block.name);
        about.stages.push_back(block.stage);
    }
    auto text = config::accuracy_table_text(table, about);
    if (!not_run.empty()) text += "\n# Not run:\n";
    for (auto const& block : not_run)
        text += "# " + block.block + ", mode " + std::string(to_string(block.mode)) + ": " + block.reason + "\n";
    return text;
}

std::string json_text(Workplace const& workplace, Measurement const& measurement, std::vector<NotRun> const& not_run,
                      std::vector<BlockId> const& chain, Provenance const& provenance) {
    auto const& network = workplace.network();
    auto const& data = workplace.data(measurement.data);
    auto const& weights = workplace.weights();
    Json json{{"format", "skipstone-study"},
              {"version", 1},
              {"network", network.name()},
              {"precision", to_string(network.precision())},
              {"convolutions", {{"policy", provenance.convolutions}, {"chosen", provenance.chosen}}},
              {"input", network.input_shape().h},
              {"classes", weights.classes},
              {"samples", data.size()},
              {"drops", provenance.drops},
              {"batch", workplace.batch()},
              {"date", provenance.date},
              {"software", provenance.software},
              {"instruction_set", provenance.instruction_set},
              {"remark", provenance.remark},
              {"data", {{"name", data.name()}, {"sha256", data.sha256()}, {"labels", data.class_folders()}}},
              {"weights", {{"name", file_name(weights.file)}, {"sha256", weights.sha256}}}};
    json["rows"] = Json::array();
    for (auto const& set : measurement.sets) {
        auto const row = row_of(set, network);
        Json item{{"dropped", row.dropped},
                  {"mode", to_string(row.mode)},
                  {"accuracy", row.accuracy},
                  {"correct", *row.correct},
                  {"samples", *row.samples},
                  {"confidence", {row.confidence->low, row.confidence->high}},
                  {"memory_gain_bytes", row.memory_gain->value()},
                  {"computation_gain_macs", row.computation_gain->value()}};
        if (weights.classes <= most_classes) item["confusion"] = confusion(set, data, weights.classes);
        json["rows"].push_back(std::move(item));
    }
    json["not_run"] = Json::array();
    for (auto const& block : not_run)
        json["not_run"].push_back({{"block", block.block}, {"mode", to_string(block.mode)}, {"reason", block.reason}});
    if (!chain.empty()) json["chain"] = names(chain, network);
    return json.dump() + "\n";
}

}  // namespace skipstone::study
