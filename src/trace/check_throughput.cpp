#include "trace/check_throughput.hpp"

#include <algorithm>
#include <cmath>

namespace skipstone::trace {

namespace {

constexpr double relative = 1e-9;  // by which a throughput may pass its bound, for rounding

void check_price(PriceRow const& price, std::size_t devices, std::string const& where, Findings& findings) {
    using Resource = ResourcePrice::Resource;
    if (price.resource < Resource::processor || price.resource > Resource::memory)
        findings.add("a price is of an unknown resource", where);
    bool const link = price.resource == Resource::link;
    if (!is_index(price.device, devices) || (link ? !is_index(price.peer, devices) : price.peer != -1))
        findings.add("a price is of a device or link that does not exist", where);
    if (!(price.price > 0 && std::isfinite(price.price)))
        findings.add("a price is not above 0", where, ": ", price.price);
}

// All requests of a round are computed within it: so many in so much time, and no schedule does more.
void check_emulated(Round const& round, Findings& findings) {
    double begin = 0, end = 0;
    std::int64_t done = 0;
    for (auto const& request : round.requests) {
        if (request.status != RequestStatus::done || !std::isfinite(request.finish_s)) continue;
        begin = done == 0 ? request.arrival_s : std::min(begin, request.arrival_s);
        end = done == 0 ? request.finish_s : std::max(end, request.finish_s);
        ++done;
    }
    double const reached = static_cast<double>(done), most = round.row.throughput_bound * (end - begin);
    if (reached > most + relative * most + round.row.throughput_bound * rounding_of(end))
        findings.add("the emulated throughput passes the bound", in_round(round.row), ": ", done, " requests in ",
                     end - begin, " s, of which no more than ", most, " could be done");
}

}  // namespace

void check_throughput(Round const& round, Header const& header, bool certain, Findings& findings) {
    auto const& row = round.row;
    if (row.goal != Goal::latency && row.goal != Goal::throughput)
        findings.add("/rounds: goal is unknown", in_round(row));
    if (row.goal != Goal::throughput) {
        if (!std::isnan(row.throughput) || !std::isnan(row.throughput_bound) || !round.prices.empty())
            findings.add("/rounds: a round whose goal is latency has a throughput, a bound of it or prices",
                         in_round(row), "; none (NaN) would be right");
        return;
    }
    bool const reached = row.admitted > 0 && row.throughput > 0 && std::isfinite(row.throughput);
    if (!reached && !std::isnan(row.throughput))
        findings.add("/rounds: throughput is not that of plans", in_round(row), ": ", row.throughput, " with ",
                     row.admitted, " requests");
    if (row.throughput > row.throughput_bound * (1 + relative))
        findings.add("/rounds: throughput passes throughput_bound", in_round(row), ": ", row.throughput, " and ",
                     row.throughput_bound);
    for (std::size_t i = 0; i < round.prices.size(); ++i) {
        auto const where = ": row " + std::to_string(i) + in_round(row);
        check_price(round.prices[i], header.devices.size(), where, findings);
    }
    if (certain && !std::isnan(row.throughput_bound)) check_emulated(round, findings);
}

}  // namespace skipstone::trace
