#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "emulator/course.hpp"
#include "emulator/protocol.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// Who is given an image: task `image_task` reads it where it is used; `given_image` where it is handed on.
struct ImageTarget {
    int node = 0;
    std::int32_t task = image_task;
};

// What the nodes are to do in a round.
struct RoundOrders {
    std::vector<Orders> nodes;                     // by rank; a node without work has none
    std::vector<std::vector<ImageTarget>> images;  // per job
    std::vector<std::size_t> tensors;              // per job: so many of its tensors may lie on nodes at a time
};

// A rehearsal's requests end before their networks do.
enum class Requests { whole, cut_short };

// An exit that is open; Task::exit is its index among them.
struct OpenExit {
    BlockId after;
    double threshold = 1;
    bool is_probability = false;  // what its head gives

    bool operator==(OpenExit const&) const = default;
};
std::vector<OpenExit> open_exits(Scenario const& scenario, Network const& network);

// What orders need to know of heads.
struct Heads {
    // They decide where requests leave (the course's graphs are whole); or they do what the course says, and check
    // that they judge likewise, or not (others than kernels have judged).
    enum class Role { judge, check, follow } role = Role::follow;
    std::vector<OpenExit> exits = {};
};

// node_of: the rank that hosts each device; under the wall clock each has its own. blocks: of the network.
RoundOrders orders_of(RoundCourse const& course, std::vector<int> const& node_of, int ranks, std::size_t blocks,
                      Requests requests, ClockKind clock, Heads const& heads = {});

// What of a round ends within so many seconds: jobs up to the whole output of a block of the chain. Events stay, those
// that nobody plays, too.
RoundCourse beginning_of(RoundCourse round, Seconds longest);

}  // namespace skipstone::emulator
