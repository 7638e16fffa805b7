#include "kernels/network_timing.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/host.hpp"
#include "kernels/network_kernels.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/shared_memory.hpp"
#include "model/calibration.hpp"
#include "units/error.hpp"
#include "units/quantile.hpp"

namespace skipstone::kernels {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

double resident_bytes() {
    std::ifstream file("/proc/self/statm");
    double pages = 0, resident = 0;
    file >> pages >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double bytes_moved(Network const& network, BlockId block, int batch, double element) {
    double bytes = 0;
    for (auto const& c : convolutions(network, block)) {
        double const outputs = element * c.out_channels * c.out_height * c.out_width;
        bytes += static_cast<double>(c.weight_bytes().value()) +
                 batch * (static_cast<double>(c.input_bytes().value()) + outputs);
    }
    return bytes;
}

Tensor images(TensorShape shape, int batch) {
    shape.n = batch;
    Tensor tensor(shape);
    std::ranges::fill(tensor.values(), 0.5F);
    return tensor;
}

// Ranges that an int8 network can compute with, whatever its weights are.
Calibration made_up(Network const& network) {
    Calibration calibration;
    calibration.network = network.name();
    calibration.input = network.input_shape();
    for (auto const& tensor : calibrated_tensors(network)) calibration.ranges.emplace(tensor, 1);
    return calibration;
}

}  // namespace

NetworkTiming time_network(Network const& network, TimingSettings const& settings,
                           std::function<void()> const& progress) {
    SKIPSTONE_EXPECT(settings.passes >= 1 && settings.batch >= 1);
    use_threads(settings.threads);
    PackLayout const layout(network, settings.choices,
                            network.precision() == Precision::int8 ? made_up(network) : Calibration());
    auto const memory = SharedMemory::alone(layout.bytes());
    std::ranges::fill(memory.bytes(), std::byte{0x3a});  // an ordinary number of every type: 0.0007, or 58
    NetworkKernels kernels(network, layout, memory.bytes());

    std::vector<double> first(network.size()), whole;
    std::vector<Tensor> inputs;
    std::vector<std::vector<double>> within(network.size()), alone(network.size());
    for (int pass = 0; pass <= settings.passes; ++pass) {  // the first one compiles
        auto activations = images(network.input_shape(), settings.batch);
        double sum = 0;
        for (std::size_t b = 0; b < network.size(); ++b) {
            if (pass == 0) inputs.push_back(activations.clone());
            auto const begin = Clock::now();
            activations = kernels.run(BlockId(b), BlockMode::full, std::move(activations));
            auto const seconds = seconds_since(begin);
            if (pass == 0) {
                first[b] = seconds;
            } else {
                within[b].push_back(seconds);
                sum += seconds;
            }
        }
        if (pass > 0) whole.push_back(sum);
        progress();
    }
    for (std::size_t b = 0; b < network.size(); ++b) {
        for (int i = 0; i <= settings.passes; ++i) {
            auto taken = inputs[b].clone();
            auto const begin = Clock::now();
            auto const output = kernels.run(BlockId(b), BlockMode::full, std::move(taken));
            if (i > 0) alone[b].push_back(seconds_since(begin));
        }
        progress();
    }

    auto const element = static_cast<double>(element_bytes(network.precision()));
    NetworkTiming timing;
    timing.network = network.name();
    timing.input = network.input_shape().h;
    timing.threads = settings.threads;
    timing.batch = settings.batch;
    timing.precision = to_string(network.precision());
    timing.convolutions = settings.convolutions;
    timing.median = Seconds(quantile(whole, 0.5));
    timing.p99 = Seconds(quantile(whole, 0.99));
    timing.resident_bytes = resident_bytes();
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const& block = network.blocks()[b];
        timing.blocks.push_back({block.name, Seconds(quantile(within[b], 0.5)), Seconds(quantile(within[b], 0.99)),
                                 Seconds(quantile(alone[b], 0.5)), Seconds(first[b]), block.macs * settings.batch,
                                 bytes_moved(network, BlockId(b), settings.batch, element),
                                 kernels.implementation(BlockId(b)), block.stage});
    }
    return timing;
}

}  // namespace skipstone::kernels
