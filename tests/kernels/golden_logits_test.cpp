#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/algorithms.hpp"
#include "kernels/host.hpp"
#include "kernels/network_kernels.hpp"
#include "networks.hpp"
#include "units/sha256.hpp"

// Logits as they were once: what a change of the kernels' code must not move by a bit. golden_logits.txt beside this
// file has a line for each instruction set, processor, network and precision: the SHA-256 of all logits, and the first
// ten of them. Bits are compared on a processor of a recorded model (block sizes in oneDNN follow the caches); on
// another one the ten values are, within the precision's error. A change that means to move them records anew:
//     SKIPSTONE_RECORD_LOGITS=1 kernels_tests --run_test=golden_logits      prints the lines of this processor

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

struct Line {
    std::string instruction_set, processor, network, precision, sha256;
    std::vector<double> first = {};
};

std::istream& operator>>(std::istream& in, Line& line) {
    in >> line.instruction_set >> line.processor >> line.network >> line.precision >> line.sha256;
    line.first.resize(10);
    for (auto& value : line.first) in >> value;
    return in;
}

// "AuthenticAMD-25-17": vendor, family and model.
std::string processor() {
    std::ifstream info("/proc/cpuinfo");
    std::string name;
    for (std::string line; std::getline(info, line) && !line.empty();)
        for (auto const* key : {"vendor_id\t", "cpu family\t", "model\t"})
            if (line.starts_with(key)) name += (name.empty() ? "" : "-") + line.substr(line.find(": ") + 2);
    return name.empty() ? "unknown" : name;
}

// Of two images; one range for all tensors, so that nothing but the kernels decides.
std::vector<float> logits_of(NetworkProfile profile, Precision precision) {
    profile.precision = precision;
    Network const network(profile);
    Calibration calibration{"fixed", network.name(), profile.input, "", "", 1, "", {}};
    if (precision == Precision::int8)
        for (auto const& tensor : calibrated_tensors(network)) calibration.ranges[tensor] = 4;
    auto const choices = precision == Precision::float32 ? standard_choices(network) : ConvolutionChoices();
    PackLayout const layout(network, choices, calibration);
    HeWeights source(network, 7);
    auto const memory = packed(network, layout, source);
    NetworkKernels kernels(network, layout, memory.bytes());
    auto shape = network.input_shape();
    shape.n = 2;
    auto tensor = random_tensor(shape, 3);
    for (std::size_t b = 0; b < network.size(); ++b)
        tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
    return {tensor.values().begin(), tensor.values().end()};
}

double difference(Line const& a, Line const& b) {
    double largest = 0, off = 0;
    for (std::size_t i = 0; i < a.first.size(); ++i) {
        largest = std::max(largest, std::abs(a.first[i]));
        off = std::max(off, std::abs(a.first[i] - b.first[i]));
    }
    return off / largest;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden_logits)

BOOST_AUTO_TEST_CASE(logits_are_those_of_before) {
    std::vector<Line> recorded;
    std::ifstream file(SKIPSTONE_SOURCE_DIR "/tests/kernels/golden_logits.txt");
    for (Line line; file >> line;) recorded.push_back(line);
    bool const record = std::getenv("SKIPSTONE_RECORD_LOGITS") != nullptr;
    BOOST_TEST_REQUIRE((record || !recorded.empty()));

    bool const has_bfloat16 = instruction_set().find("avx512") != std::string::npos;
    use_threads(1);
    for (auto const& profile : {test::resnet20(), test::resnet50(96)})
        for (auto const precision : {Precision::float32, Precision::bfloat16, Precision::int8}) {
            if (precision == Precision::bfloat16 && !has_bfloat16) continue;
            auto const logits = logits_of(profile, precision);
            Sha256 sum;
            sum.update(std::as_bytes(std::span(logits)));
            Line const found{instruction_set(), processor(),
                             profile.name,      std::string(to_string(precision)),
                             sum.finish(),      {logits.begin(), logits.begin() + 10}};
            if (record) {
                std::cout << found.instruction_set << ' ' << found.processor << ' ' << found.network << ' '
                          << found.precision << ' ' << found.sha256 << std::setprecision(9);
                for (double value : found.first) std::cout << ' ' << value;
                std::cout << '\n';
                continue;
            }
            auto const what = found.network + " " + found.precision + " " + found.instruction_set;
            auto const same_kernels = [&](Line const& line) {
                return line.network == found.network && line.precision == found.precision &&
                       line.instruction_set == found.instruction_set;
            };
            auto const here = std::ranges::find_if(
                recorded, [&](Line const& line) { return same_kernels(line) && line.processor == found.processor; });
            if (here != recorded.end()) {
                BOOST_TEST(found.sha256 == here->sha256, what << " on " << found.processor
                                                              << ": other bits; the first logits are "
                                                              << difference(*here, found) << " of the largest apart");
                continue;
            }
            // Rounding may differ; int8 and bfloat16 carry it through 20 and 50 layers.
            double const bound = precision == Precision::float32 ? 1e-4 : 0.1;
            auto const elsewhere = std::ranges::find_if(recorded, [&](Line const& line) {
                return line.network == found.network && line.precision == found.precision;
            });
            BOOST_TEST_REQUIRE((elsewhere != recorded.end()), what);
            BOOST_TEST(difference(*elsewhere, found) <= bound,
                       what << " on " << found.processor << ", of which no bits are recorded");
        }
}

BOOST_AUTO_TEST_SUITE_END()
