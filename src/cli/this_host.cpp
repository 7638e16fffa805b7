#include "cli/this_host.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string_view>

#include "config/host_profile.hpp"
#include "emulator/host_clock.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/host.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/primitives.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

// As the system calls it; where it does not say, the instruction set has to do.
std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("model name")) continue;
        auto const begin = line.find_first_not_of(" \t", line.find(':') + 1);
        return begin == std::string::npos ? "" : line.substr(begin);
    }
    return "unknown processor";
}

}  // namespace

HostIdentity this_host() {
    return {processor_name(), emulator::usable_cores(), kernels::instruction_set(),
            "oneDNN " + kernels::onednn_version()};
}

std::optional<HostProfile> profile_of_this_host() {
    try {
        return config::load_host_profile(this_host());
    } catch (InputError const& error) {
        std::fprintf(stderr,
                     "skipstone: warning: %s; this host profile is passed over, `skipstone bench` makes it anew\n",
                     error.what());
        return std::nullopt;
    }
}

std::optional<std::vector<double>> block_seconds(HostProfile const& profile, Network const& network,
                                                 ConvolutionPolicy policy, int batch) {
    NetworkTiming wanted;
    wanted.batch = batch;
    wanted.network = network.name();
    wanted.input = network.input_shape().h;
    wanted.precision = to_string(network.precision());
    wanted.convolutions = policy;
    auto const found = std::ranges::find_if(profile.timings, [&](auto const& t) { return t.same_setting(wanted); });
    if (found == profile.timings.end() || found->blocks.size() != network.size()) return std::nullopt;
    std::vector<double> seconds;
    // A family's last block holds the classifier: with another number of classes, its time is scaled.
    bool const is_scalable = network.profile().family->is_scalable();
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const& block = found->blocks[b];
        auto const macs = network.blocks()[b].macs * batch;
        bool const other_classes = is_scalable && b + 1 == network.size() && block.macs.value() > 0;
        if (block.block != network.blocks()[b].name || (block.macs != macs && !other_classes)) return std::nullopt;
        seconds.push_back(block.median.value() / batch * (block.macs == macs ? 1 : macs / block.macs));
    }
    return seconds;
}

ConvolutionPolicy parse_convolutions(std::string const& word) {
    for (auto const& [policy, name] : convolution_policy_names)
        if (name == word) return policy;
    throw InputError("--convolutions " + word + ": there are standard, measured and direct");
}

ConvolutionChoices choices_of(ConvolutionPolicy policy, Network const& network) {
    if (network.precision() != Precision::float32) return {};
    switch (policy) {
        case ConvolutionPolicy::direct:
            return {};
        case ConvolutionPolicy::standard:
            return kernels::standard_choices(network);
        case ConvolutionPolicy::measured:
            break;
    }
    auto const key = choices_key(network.name(), network.input_shape().h);
    auto const refuse = [&](std::string const& why) -> InputError {
        return InputError("network.convolutions (or --convolutions) is \"measured\", but " + why +
                          "; `skipstone bench --choose --network " + network.name() + " --input " +
                          std::to_string(network.input_shape().h) + "` does it");
    };
    auto const profile = profile_of_this_host();
    if (!profile || !profile->choices.contains(key)) throw refuse("nothing was measured on this host for " + key);
    auto const& choices = profile->choices.at(key);
    for (std::size_t b = 0; b < network.size(); ++b)
        for (auto const& c : kernels::convolutions(network, BlockId(b)))
            if (auto const found = choices.find(c.name);
                found != choices.end() && !kernels::is_available(c, found->second))
                throw refuse("what the host profile has for " + key + " was not measured here: there is no " +
                             std::string(to_string(found->second)) + " for " + c.name);
    return choices;
}

std::string choices_text(ConvolutionChoices const& choices) {
    std::string text;
    for (auto const& [name, algorithm] : choices)
        if (algorithm != ConvolutionAlgorithm::direct)
            text += (text.empty() ? "" : "; ") + name + ": " + std::string(to_string(algorithm));
    return text;
}

}  // namespace skipstone::cli
