#include "config/host_profile.hpp"

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>

#include "config/json_reader.hpp"
#include "config/table_reader.hpp"
#include "config/toml_reader.hpp"
#include "units/cache_folder.hpp"
#include "units/output_file.hpp"
#include "units/sha256.hpp"

namespace skipstone::config {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view format = "skipstone-host-profile";
constexpr int most_threads = 4096, most_images = 65536, most_pixels = 4096;

Json json_of(BlockTiming const& block) {
    Json json{{"block", block.block},           {"median_s", block.median.value()},      {"p99_s", block.p99.value()},
              {"alone_s", block.alone.value()}, {"first_s", block.first.value()},        {"macs", block.macs.value()},
              {"bytes", block.bytes},           {"implementation", block.implementation}};
    if (block.stage > 0) json["stage"] = block.stage;
    return json;
}

Json json_of(NetworkTiming const& timing) {
    Json blocks = Json::array();
    for (auto const& block : timing.blocks) blocks.push_back(json_of(block));
    return {{"network", timing.network},
            {"input", timing.input},
            {"threads", timing.threads},
            {"batch", timing.batch},
            {"precision", timing.precision},
            {"convolutions", to_string(timing.convolutions)},
            {"median_s", timing.median.value()},
            {"p99_s", timing.p99.value()},
            {"resident_bytes", timing.resident_bytes},
            {"blocks", std::move(blocks)}};
}

template <class T>
T needed(TableReader const& reader, std::string_view key, std::optional<T> value) {
    return reader.required(key, std::move(value), "a part of every host profile");
}

std::string text_at(TableReader& reader, std::string_view key) {
    return needed(reader, key, reader.text(key));
}

int count_at(TableReader& reader, std::string_view key, int most) {
    return static_cast<int>(needed(reader, key, reader.integer(key, 1, most)));
}

Seconds seconds_at(TableReader& reader, std::string_view key) {
    return Seconds(needed(reader, key, reader.number(key, not_negative)));
}

BlockTiming read_block(TableReader reader) {
    BlockTiming block;
    block.block = text_at(reader, "block");
    block.median = seconds_at(reader, "median_s");
    block.p99 = seconds_at(reader, "p99_s");
    block.alone = seconds_at(reader, "alone_s");
    block.first = seconds_at(reader, "first_s");
    block.macs = Macs(needed(reader, "macs", reader.integer("macs", 0, std::numeric_limits<std::int64_t>::max())));
    block.bytes = needed(reader, "bytes", reader.number("bytes", not_negative));
    block.implementation = text_at(reader, "implementation");
    block.stage = static_cast<int>(reader.integer("stage", 1, std::numeric_limits<int>::max()).value_or(0));
    reader.finish();
    return block;
}

NetworkTiming read_timing(TableReader reader) {
    NetworkTiming timing;
    timing.network = text_at(reader, "network");
    timing.input = count_at(reader, "input", most_pixels);
    timing.threads = count_at(reader, "threads", most_threads);
    timing.batch = count_at(reader, "batch", most_images);
    timing.precision = text_at(reader, "precision");
    timing.convolutions =
        needed(reader, "convolutions",
               reader.choice<ConvolutionPolicy>("convolutions", {{"standard", ConvolutionPolicy::standard},
                                                                 {"measured", ConvolutionPolicy::measured},
                                                                 {"direct", ConvolutionPolicy::direct}}));
    timing.median = seconds_at(reader, "median_s");
    timing.p99 = seconds_at(reader, "p99_s");
    timing.resident_bytes = needed(reader, "resident_bytes", reader.number("resident_bytes", not_negative));
    for (auto const& block : needed(reader, "blocks", reader.tables("blocks")))
        timing.blocks.push_back(read_block(block));
    reader.finish();
    return timing;
}

ConvolutionChoices read_choices(TableReader reader) {
    ConvolutionChoices choices;
    auto const& table = reader.value();
    for (auto const& name : table.keys)
        choices.emplace(name,
                        needed(reader, name,
                               reader.choice<ConvolutionAlgorithm>(
                                   name, {{"direct", ConvolutionAlgorithm::direct},
                                          {"winograd-2x3", ConvolutionAlgorithm::winograd_2x3},
                                          {"winograd-4x3", ConvolutionAlgorithm::winograd_4x3},
                                          {"streamed", ConvolutionAlgorithm::streamed},
                                          {"streamed-winograd-2x3", ConvolutionAlgorithm::streamed_winograd_2x3},
                                          {"streamed-winograd-4x3", ConvolutionAlgorithm::streamed_winograd_4x3}})));
    return choices;
}

}  // namespace

std::string host_profile_text(HostProfile const& profile) {
    Json timings = Json::array(), choices = Json::object();
    for (auto const& timing : profile.timings) timings.push_back(json_of(timing));
    for (auto const& [network, chosen] : profile.choices) {
        Json& table = choices[network] = Json::object();
        for (auto const& [name, algorithm] : chosen) table[name] = to_string(algorithm);
    }
    Json const json{{"format", format},
                    {"version", 1},
                    {"host",
                     {{"processor", profile.host.processor},
                      {"cores", profile.host.cores},
                      {"instruction_set", profile.host.instruction_set},
                      {"library", profile.host.library}}},
                    {"limits",
                     {{"fma_flop_s", profile.limits.fma_flop_s},
                      {"matmul_flop_s", profile.limits.matmul_flop_s},
                      {"memory_byte_s", profile.limits.memory_byte_s}}},
                    {"timings", std::move(timings)},
                    {"choices", std::move(choices)}};
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

HostProfile parse_host_profile(std::string_view text, std::string const& file) {
    Value const root = parse_json(text, std::make_shared<Origin const>(Origin{file, {}}));
    TableReader reader(root, "");
    if (text_at(reader, "format") != format) reader.fail("format", "must be \"" + std::string(format) + "\"");
    needed(reader, "version", reader.integer("version", 1, 1));
    HostProfile profile;
    auto host = needed(reader, "host", reader.table("host"));
    profile.host = {text_at(host, "processor"), count_at(host, "cores", most_threads), text_at(host, "instruction_set"),
                    text_at(host, "library")};
    host.finish();
    auto limits = needed(reader, "limits", reader.table("limits"));
    auto const rate = [&](std::string_view key) { return needed(limits, key, limits.number(key, not_negative)); };
    profile.limits = {rate("fma_flop_s"), rate("matmul_flop_s"), rate("memory_byte_s")};
    limits.finish();
    for (auto const& timing : needed(reader, "timings", reader.tables("timings")))
        profile.timings.push_back(read_timing(timing));
    auto choices = needed(reader, "choices", reader.table("choices"));
    for (auto const& network : choices.value().keys)
        profile.choices.emplace(network, read_choices(needed(choices, network, choices.table(network))));
    reader.finish();
    return profile;
}

std::optional<fs::path> host_profile_path(HostIdentity const& host) {
    auto const folder = cache_folder();
    if (!folder) return std::nullopt;
    auto const key =
        host.processor + "\n" + std::to_string(host.cores) + "\n" + host.instruction_set + "\n" + host.library;
    Sha256 hash;
    hash.update(std::as_bytes(std::span(key)));
    return *folder / "hosts" / (hash.finish().substr(0, 16) + ".json");
}

std::optional<HostProfile> load_host_profile(HostIdentity const& host) {
    auto const path = host_profile_path(host);
    std::error_code error;
    if (!path || !fs::exists(*path, error)) return std::nullopt;
    auto profile = parse_host_profile(read_text_file(*path, Reads::own), path->string());
    if (profile.host != host) return std::nullopt;
    return profile;
}

void save_host_profile(fs::path const& path, HostProfile const& profile) {
    write_file(path, host_profile_text(profile));
}

}  // namespace skipstone::config
