#include "emulator/routing.hpp"

#include <memory>
#include <utility>

namespace skipstone::emulator {

Routed route(Work const& work, Tensor outcome, Workbench& bench) {
    Routed routed;
    auto const tensor = std::make_shared<Tensor>(std::move(outcome));
    bool const is_read_here = bench.is_read(work.outcome());
    for (OutputOrder const& output : work.outputs) {
        auto name = work.outcome();
        name.box = output.box;
        bool const is_last = !is_read_here && &output == &work.outputs.back();
        routed.leaving.push_back({name, output.to_node, output.transfer, take_box(tensor, output.box, is_last)});
    }
    if (is_read_here) routed.complete = bench.put(work.outcome(), std::move(*tensor));
    return routed;
}

}  // namespace skipstone::emulator
