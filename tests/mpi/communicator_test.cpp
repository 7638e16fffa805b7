#define BOOST_TEST_MODULE mpi
#include "mpi/communicator.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <memory>
#include <optional>

#include "emulator/doorbells.hpp"
#include "emulator/mpi_transport.hpp"
#include "kernels/shared_memory.hpp"
#include "units/error.hpp"
#include "world.hpp"

using namespace skipstone;
using namespace skipstone::emulator;

namespace {

struct World {
    World() {
        environment.emplace();
        communicator.emplace(mpi::Communicator::duplicate_world());
        the_world = &*communicator;
    }
    ~World() {
        the_world = nullptr;
        communicator.reset();
    }
    std::optional<mpi::Environment> environment;
    std::optional<mpi::Communicator> communicator;
    static mpi::Communicator const* the_world;
};
mpi::Communicator const* World::the_world = nullptr;

Buffer numbered(std::size_t size, int number) {
    Buffer buffer(size);
    std::memset(buffer.data(), number, size);
    return buffer;
}

}  // namespace

namespace skipstone::test {
mpi::Communicator const& world() {
    return *World::the_world;
}
}  // namespace skipstone::test

BOOST_TEST_GLOBAL_FIXTURE(World);

using skipstone::test::world;

BOOST_AUTO_TEST_SUITE(communicator)

BOOST_AUTO_TEST_CASE(collectives_reach_everybody) {
    std::vector<std::byte> text(world().rank() == 0 ? 100'000 : 0, std::byte{42});
    auto const received = world().broadcast(0, std::move(text));
    BOOST_TEST(received.size() == 100'000);
    BOOST_TEST((received.back() == std::byte{42}));
    auto const gathered = world().gather(0, "rank " + std::to_string(world().rank()));
    if (world().rank() == 0) {
        BOOST_REQUIRE(gathered.size() == static_cast<std::size_t>(world().size()));
        for (std::size_t i = 0; i < gathered.size(); ++i) BOOST_TEST(gathered[i] == "rank " + std::to_string(i));
    }
    BOOST_TEST(world().all(true));
    BOOST_TEST(world().all(world().rank() != world().size() - 1) == false);
    world().barrier();
}

BOOST_AUTO_TEST_CASE(texts_of_any_length_are_gathered_whole) {
    auto const text = [](int rank) {
        return std::string(static_cast<std::size_t>(rank * 1000), static_cast<char>('a' + rank % 26));
    };
    auto const gathered = world().gather(world().size() - 1, text(world().rank()));
    if (world().rank() != world().size() - 1) {
        BOOST_TEST(gathered.empty());
        return;
    }
    BOOST_REQUIRE(gathered.size() == static_cast<std::size_t>(world().size()));
    for (int rank = 0; rank < world().size(); ++rank)
        BOOST_TEST(gathered[static_cast<std::size_t>(rank)] == text(rank));
}

BOOST_AUTO_TEST_CASE(a_failing_call_says_which_and_why) {
    BOOST_CHECK_EXCEPTION(world().send(world().size(), 1, {}), EnvironmentError, [](auto const& e) {
        return std::string(e.what()).find("MPI_Isend") == 0 && std::string(e.what()).find("rank") != std::string::npos;
    });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(transport)

// Every rank sends to every other: small messages behind large ones, which MPI may well finish first.
BOOST_AUTO_TEST_CASE(keeps_the_order_of_each_sender) {
    Doorbells const bells(world());
    MpiTransport transport(world(), bells);
    int const messages = 20;
    for (int i = 0; i < messages; ++i)
        for (int to = 0; to < world().size(); ++to)
            if (to != world().rank()) transport.send(to, Tag::tensor, numbered(i % 2 == 0 ? 300'000 : 10, i));
    std::vector<int> next(static_cast<std::size_t>(world().size()), 0);
    for (int left = messages * (world().size() - 1); left > 0;) {
        auto message = transport.receive();
        if (!message) continue;
        --left;
        int& expected = next[static_cast<std::size_t>(message->peer)];
        BOOST_TEST(message->payload.size() == (expected % 2 == 0 ? 300'000U : 10U));
        BOOST_TEST((message->payload.data()[message->payload.size() - 1] == static_cast<std::byte>(expected)));
        ++expected;
    }
    while (transport.busy()) transport.receive();
    world().barrier();
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(doorbells)

BOOST_AUTO_TEST_CASE(ranks_of_a_host_wake_each_other) {
    HostClock const clock;
    Doorbells const bells(world());
    BOOST_TEST(bells.ranks_here() == world().size());  // these tests run on one host
    BOOST_REQUIRE(bells.reach_all());
    Waker waker(clock, &bells.of(world().rank()));
    if (world().rank() > 0) {
        BOOST_TEST(waker.wait_until(clock.now() + 60));
        bells.ring(0);
    } else {
        for (int rank = 1; rank < world().size(); ++rank) {
            bells.ring(rank);
            BOOST_TEST(waker.wait_until(clock.now() + 60));
        }
    }
    world().barrier();
}

BOOST_AUTO_TEST_CASE(a_message_wakes_its_receiver_however_long_it_is) {
    if (world().size() == 1) return;
    HostClock const clock;
    Doorbells const bells(world());
    MpiTransport transport(world(), bells);
    Waker waker(clock, &bells.of(world().rank()));
    BOOST_TEST(transport.wakes());
    int const next = (world().rank() + 1) % world().size();
    for (std::size_t const bytes : {std::size_t{1}, std::size_t{4'000'000}}) {
        transport.send(next, Tag::tensor, Buffer(bytes));
        bool here = false;
        for (int looks = 0; !here || transport.busy();) {
            if (auto const message = transport.receive()) {
                BOOST_TEST(message->payload.size() == bytes);
                here = true;
            } else if (transport.busy()) {
                waker.wait_until(clock.now() + 1e-3);
            } else {  // nothing but a ring ends this
                BOOST_REQUIRE(waker.wait_until(clock.now() + 60));
                BOOST_REQUIRE(++looks < 100);
            }
        }
        world().barrier();
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(shared_memory)

BOOST_AUTO_TEST_CASE(is_one_memory_for_the_ranks_of_a_host) {
    auto const host = world().split_by_host();
    auto memory = kernels::SharedMemory::among(host, 1 << 20);
    auto const at = [&](int rank) -> std::byte& { return memory.bytes()[static_cast<std::size_t>(rank) * 1000]; };
    at(host.rank()) = static_cast<std::byte>(host.rank() + 1);
    host.barrier();
    BOOST_TEST(memory.is_shared() == (host.size() > 1));
    if (memory.is_shared())
        for (int rank = 0; rank < host.size(); ++rank) BOOST_TEST((at(rank) == static_cast<std::byte>(rank + 1)));
    host.barrier();
    memory.protect();
}

BOOST_AUTO_TEST_SUITE_END()
