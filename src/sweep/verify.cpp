#include "sweep/verify.hpp"

#include "config/scenario_file.hpp"
#include "trace/check.hpp"
#include "trace/digest.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

namespace skipstone::sweep {

std::string verified_digest(std::filesystem::path const& trace, Resolved const& point) {
    auto const refuse = [](std::string const& reason) { return EnvironmentError("the trace is not right", reason); };
    {
        trace::Reader const reader(trace.string());
        if (!reader.complete() || reader.ended() != trace::Ended::finished)
            throw refuse("it is not complete; the run ended as \"" + std::string(to_string(reader.ended())) + "\"");
        auto const& provenance = reader.header().provenance;
        if (provenance.scenario != config::scenario_text(point.scenario)) throw refuse("it is of another scenario");
        if (!point.weights_hash.empty() && provenance.weights_hash != point.weights_hash)
            throw refuse("it is of other weights: " + point.scenario.network.named_weights() +
                         " was changed while the sweep ran; start the sweep again");
        if (point.convolutions && provenance.convolutions != *point.convolutions)
            throw refuse("it was computed by another profile of this host: `skipstone bench` changed that while the "
                         "sweep ran; start the sweep again");
    }
    if (auto const findings = trace::check(trace.string()); !findings.empty()) throw refuse(findings.front());
    return trace::digest(trace.string());
}

}  // namespace skipstone::sweep
