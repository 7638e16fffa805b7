#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "trace/schema.hpp"
#include "trace/writer.hpp"

namespace skipstone::trace::sample {

// A folder of its own that goes with the test.
struct Folder {
    Folder()
        : path(std::filesystem::temp_directory_path() /
               ("skipstone_trace_" + std::to_string(::getpid()) + "_" + std::to_string(++count))) {
        std::filesystem::create_directories(path);
    }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(std::string const& name) const { return (path / name).string(); }
    std::size_t files() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
    }

    std::filesystem::path path;
    static inline int count = 0;
};

inline Header header(std::size_t devices = 3) {
    Header made;
    made.software_version = "0.1.0";
    made.date = "2023-05-01T12:00:00Z";
    made.seed = 0x8000000000000001U;
    made.provenance = {"seed = 1\n# résolu\n",
                       "skipstone run x",
                       "abc",
                       "HDF5 1.10",
                       "AVX2",
                       "a: 0,1",
                       "virtual",
                       1.5,
                       "resnet50",
                       "0123",
                       "b0.conv: winograd-4x3",
                       "17",
                       "16_1",
                       2,
                       "srun",
                       "a processor",
                       8,
                       1,
                       1 << 30,
                       "3 of 4 ranks",
                       "ten pictures",
                       "0 = cat"};
    for (std::size_t i = 0; i < devices; ++i) {
        auto const value = static_cast<double>(i);
        made.devices.push_back({static_cast<std::int32_t>(i), "dévice " + std::to_string(i), 1e9 + value, 100, 20'000,
                                500 + value, 8, 10, 2, 1});
    }
    if (devices > 2) made.devices[2].battery_j = 149;  // is empty while idling in round 3, see below
    for (std::int32_t i = 0; i < 3; ++i)
        made.blocks.push_back({i, "b" + std::to_string(i), 1000, 20, 77, 40, 1000 * i, i, i + 1, i == 0 ? 20 : 77});
    return made;
}

inline Event event(EventKind kind, std::int32_t device, std::int32_t peer, std::int32_t request, std::int32_t block,
                   double begin, double end) {
    Event made;
    made.device = device;
    made.peer = peer;
    made.request = request;
    made.block = block;
    made.kind = kind;
    made.begin_s = begin;
    made.end_s = end;
    if (kind == EventKind::compute) made.macs = 1000;
    if (kind == EventKind::transmit || kind == EventKind::receive) made.bytes = 77;
    return made;
}

// Three devices; every round lasts 4 s of 10. Request 0 computes on device 0, moves, and computes on device 1; request
// 1 computes on device 2 for 4 s, and is rejected once that device's battery is empty; request 2 is rejected. Device 2
// spends 38 J per round: its 149 J are gone after 37 s. With this the trace agrees with itself.
inline RoundRecord record(std::int32_t round) {
    double const start = 10.0 * round;
    bool const third = round <= 3;
    RoundRecord made;
    made.round = {round,      start,    start + 4, no_value, no_value, 3,     third ? 2 : 1, "greedy",
                  "feasible", "energy", 0.5,       0.25,     0.125,    0.001, 2.5,           start + 10};
    for (int i = 0; i < 3; ++i)
        for (int k = 0; k < 3; ++k) made.rate_bit_s.push_back(i == k ? no_value : 1e6 * (i + 1) + k + round);
    auto const plan = [&](std::int32_t request, std::int32_t block, std::int32_t device, BlockMode mode) {
        made.plans.push_back({round, 0, request, block, device, mode});
    };
    plan(0, 0, 0, BlockMode::full);
    plan(0, 1, 1, BlockMode::full);
    plan(0, 2, -1, BlockMode::skip);
    made.requests.push_back({round, 0, start, start + 2.6, 2.6, 2.5, 0.9, 77, 3, 4, RequestStatus::done, 1});
    made.requests.push_back(
        {round, 1, start, no_value, no_value, no_value, no_value, 0, -1, -1, RequestStatus::rejected, 2});
    made.requests.push_back(
        {round, 2, start, no_value, no_value, no_value, no_value, 0, -1, -1, RequestStatus::rejected, 1});
    made.events = {event(EventKind::compute, 0, -1, 0, 0, start, start + 1),
                   event(EventKind::wait, 1, -1, 0, 1, start, start + 1.625),
                   event(EventKind::transmit, 0, 1, 0, 0, start + 1, start + 1.5),
                   event(EventKind::receive, 1, 0, 0, 0, start + 1.125, start + 1.625),
                   event(EventKind::compute, 1, -1, 0, 1, start + 1.625, start + 2.6)};
    if (third) {
        for (std::int32_t block = 0; block < 3; ++block)
            plan(1, block, 2, block == 1 ? BlockMode::skip : BlockMode::full);
        made.requests[1] = {round, 1, start, start + 4, 4, 4, 0.8, 0, 5, 5, RequestStatus::done, 2};
        made.events.push_back(event(EventKind::compute, 2, -1, 1, 0, start, start + 2));
        made.events.push_back(event(EventKind::compute, 2, -1, 1, 1, start + 2, start + 3));
        made.events.push_back(event(EventKind::compute, 2, -1, 1, 2, start + 3, start + 4));
    }
    for (auto& row : made.events) row.round = round;
    // Powers of 8 W computing, 10 W sending, 2 W receiving, 1 W idle, over 10 s.
    double const first = 8 * 1 + 10 * 0.5 + 1 * 8.5, second = 2 * 0.5 + 8 * 0.975 + 1 * 8.525;
    double const rounds = round + 1;
    made.battery = {{round, 0, 500 - rounds * first},
                    {round, 1, 501 - rounds * second},
                    {round, 2, round < 3 ? 149 - rounds * 38 : 0.0}};
    made.clocks = {{round, 0, 0.0, 0.0}, {round, 1, 1e-3, 2e-6}};
    if (round == 3) made.outages.push_back({37, no_value, 2, -1, battery_cause});
    return made;
}

inline std::vector<RoundRecord> records(std::int32_t rounds) {
    std::vector<RoundRecord> made;
    for (std::int32_t round = 0; round < rounds; ++round) made.push_back(record(round));
    return made;
}

inline std::string write(std::string const& path, Header const& header, std::vector<RoundRecord> const& records,
                         Ended ended = Ended::finished) {
    Writer writer(path, header);
    for (auto const& record : records) writer.append(record);
    writer.finish(ended);
    return path;
}

// Whether an exception's message contains a text.
inline auto says(std::string text) {
    return [text = std::move(text)](std::exception const& error) {
        bool const found = std::string(error.what()).find(text) != std::string::npos;
        if (!found) std::fprintf(stderr, "expected \"%s\" in \"%s\"\n", text.c_str(), error.what());
        return found;
    };
}

}  // namespace skipstone::trace::sample
