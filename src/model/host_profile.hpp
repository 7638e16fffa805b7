#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/convolution_choice.hpp"
#include "units/quantity.hpp"

// What was measured on a host about how fast it computes (`skipstone bench`).
namespace skipstone {

// Measurements hold for hosts that are equal in all of this.
struct HostIdentity {
    std::string processor;        // model name
    int cores = 1;                // that a process may use
    std::string instruction_set;  // the widest that the kernels use
    std::string library;          // of the kernels, with its version

    bool operator==(HostIdentity const&) const = default;
};

// One core's limits.
struct HostLimits {
    double fma_flop_s = 0;     // float32, fused multiply-adds in registers; one counts as two operations
    double matmul_flop_s = 0;  // float32 product of two large matrices, by the kernels' library
    double memory_byte_s = 0;  // reading memory that is in no cache of the core's own
};

struct BlockTiming {
    std::string block;
    Seconds median{}, p99{};     // in a pass through the whole network, where its weights come from far away
    Seconds alone{};             // median of the block again and again, its weights in the caches as far as they fit
    Seconds first{};             // the first call: compiles, touches memory
    Macs macs{};                 // of all images
    double bytes = 0;            // that its convolutions read and write: weights once, inputs and outputs of all images
    std::string implementation;  // the library's names of its kernels
    int stage = 0;               // Block::stage; 0: timed by an earlier program
};

// A network's kernels with so many threads and images.
struct NetworkTiming {
    std::string network;  // name of the profile
    int input = 0;        // height and width
    int threads = 1, batch = 1;
    std::string precision;
    ConvolutionPolicy convolutions = ConvolutionPolicy::standard;
    Seconds median{}, p99{};    // of a pass
    double resident_bytes = 0;  // of the process, weights and all
    std::vector<BlockTiming> blocks;

    bool same_setting(NetworkTiming const& other) const {
        return network == other.network && input == other.input && threads == other.threads && batch == other.batch &&
               precision == other.precision && convolutions == other.convolutions;
    }
};

struct HostProfile {
    HostIdentity host;
    HostLimits limits;
    std::vector<NetworkTiming> timings;
    std::map<std::string, ConvolutionChoices> choices;  // by choices_key() of the network
};

// "resnet50 at 224": what measured choices are kept under.
inline std::string choices_key(std::string const& network, int input) {
    return network + " at " + std::to_string(input);
}

}  // namespace skipstone
