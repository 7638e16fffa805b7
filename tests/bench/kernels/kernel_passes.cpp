// kernel_passes [--processor-time] PROFILES NETWORK INPUT PRECISION CONVOLUTIONS WEIGHTS IMAGES [CALIBRATION]
// Passes through a network for the comparisons with other programs. NETWORK: a profile, whose images are INPUT pixels
// wide and high; or "-", with any INPUT: the network that the weights file carries. IMAGES: float32 [N,H,W,C] as raw
// bytes. For each line "K" on the standard input K passes are run, and a line with their seconds comes back
// (--processor-time: of all the process's threads); at the end of the input, a line with the logits.
//
// kernel_passes --limits
// Prints one core's operations per second, and bytes per second from memory.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/profiles.hpp"
#include "config/weights_network.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/host.hpp"
#include "kernels/host_limits.hpp"
#include "kernels/packed_network.hpp"
#include "kernels/weights.hpp"

using namespace skipstone;

namespace {

Tensor images_from(std::string const& file, TensorShape shape) {
    std::ifstream stream(file, std::ios::binary);
    std::vector<char> const bytes(std::istreambuf_iterator<char>(stream), {});
    auto const one = shape.elements() * sizeof(float);
    if (bytes.empty() || bytes.size() % one != 0) throw std::runtime_error(file + ": no whole images");
    shape.n = static_cast<int>(bytes.size() / one);
    Tensor images(shape);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(images.values().data()));
    return images;
}

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

NetworkProfile profile_of(std::vector<std::string> const& words, config::ProfileFolders const& folders) {
    if (words[1] == "-") {
        if (auto const carried = config::network_in_weights(words[5])) return *carried;
        throw std::runtime_error(words[5] + ": carries no network");
    }
    auto profile = config::load_network_profile(words[1], folders);
    profile.input = image_shape(std::stoi(words[2]));
    profile.classes = kernels::read_weights_attributes(words[5]).classes;
    return profile;
}

int serve(std::vector<std::string> const& words, double (*now)()) {
    kernels::use_threads(kernels::usual_threads());
    config::ProfileFolders const folders{{words[0]}, {}};
    auto profile = profile_of(words, folders);
    profile.precision = parse_precision(words[3]);
    Network const network(profile);
    auto const choices = words[4] == "direct" ? ConvolutionChoices{} : kernels::standard_choices(network);
    auto const calibration = words.size() > 7 ? config::load_calibration(words[7], folders) : Calibration();
    auto const packed =
        kernels::PackedNetwork::alone(network, kernels::PackLayout(network, choices, calibration), {words[5], 0});
    auto kernels = packed.make_kernels();
    auto const images = images_from(words[6], network.input_shape());
    Tensor logits;
    auto const pass = [&] {
        auto activations = images.clone();
        auto const begin = now();
        for (std::size_t b = 0; b < network.size(); ++b)
            activations = kernels.run(BlockId(b), BlockMode::full, std::move(activations));
        auto const taken = now() - begin;
        logits = std::move(activations);
        return taken;
    };
    pass();  // compiles
    for (int passes = 0; std::cin >> passes;) {
        for (int i = 0; i < passes; ++i) std::printf("%.9f ", pass());
        std::printf("\n");
        std::fflush(stdout);
    }
    for (auto const value : logits.values()) std::printf("%.9g ", static_cast<double>(value));
    std::printf("\n");
    return 0;
}

}  // namespace

int main(int count, char** words) try {
    std::vector<std::string> given(words + 1, words + count);
    if (given == std::vector<std::string>{"--limits"}) {
        auto const limits = kernels::measure_limits();
        std::printf("%.4g %.4g\n", limits.fma_flop_s, limits.memory_byte_s);
        return 0;
    }
    bool const by_processor = !given.empty() && given.front() == "--processor-time";
    if (by_processor) given.erase(given.begin());
    if (given.size() != 7 && given.size() != 8) {
        std::fprintf(stderr,
                     "usage: kernel_passes [--processor-time] PROFILES NETWORK INPUT PRECISION standard|direct WEIGHTS "
                     "IMAGES [CALIBRATION]\n       kernel_passes --limits\n");
        return 2;
    }
    return serve(given, by_processor ? processor_seconds : wall_seconds);
} catch (std::exception const& error) {
    std::fprintf(stderr, "kernel_passes: %s\n", error.what());
    return 1;
}
