#include "sweep/verify.hpp"

#include "trace/check.hpp"
#include "trace/digest.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

namespace skipstone::sweep {

std::string verified_digest(std::filesystem::path const& trace, std::string const& scenario) {
    auto const refuse = [](std::string const& reason) { return EnvironmentError("the trace is not right", reason); };
    {
        trace::Reader const reader(trace.string());
        if (!reader.complete() || reader.ended() != trace::Ended::finished)
            throw refuse("it is not complete; the run ended as \"" + std::string(to_string(reader.ended())) + "\"");
        if (reader.header().provenance.scenario != scenario) throw refuse("it is of another scenario");
    }
    if (auto const findings = trace::check(trace.string()); !findings.empty()) throw refuse(findings.front());
    return trace::digest(trace.string());
}

}  // namespace skipstone::sweep
