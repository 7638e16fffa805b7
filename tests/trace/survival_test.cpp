// What is left of a trace when its writer is killed, when the disk is full, and what a reader sees meanwhile.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <thread>

#include "sample.hpp"
#include "trace/check.hpp"
#include "trace/reader.hpp"
#include "trace/writer.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::trace;

namespace {

constexpr int events_per_round = 700;

RoundRecord busy_record(std::int32_t round) {
    auto record = sample::record(round);
    record.events.resize(events_per_round, record.events.front());
    return record;
}

// A process of its own that runs `work`, with a pipe on which it can say how far it is.
class Child {
  public:
    explicit Child(std::function<int(int pipe)> const& work) {
        std::array<int, 2> ends{};
        BOOST_REQUIRE(::pipe(ends.data()) == 0);
        std::cout.flush();
        pid_ = ::fork();
        BOOST_REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::close(ends[0]);
            int status = 99;
            try {
                status = work(ends[1]);
            } catch (std::exception const& error) {
                std::cerr << error.what() << std::endl;
            }
            std::exit(status);  // with all exit handlers
        }
        ::close(ends[1]);
        pipe_ = ends[0];
    }
    Child(Child const&) = delete;
    Child& operator=(Child const&) = delete;
    ~Child() {
        if (pid_ > 0) kill();
        ::close(pipe_);
    }

    // Bytes that were said, until there are that many or the other end is closed.
    int heard(int wanted) {
        char byte = 0;
        while (heard_ < wanted && ::read(pipe_, &byte, 1) == 1) ++heard_;
        return heard_;
    }
    void kill() {
        ::kill(pid_, SIGKILL);
        wait();
    }
    // The exit status, or minus the signal.
    int wait() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

  private:
    pid_t pid_ = -1;
    int pipe_ = -1;
    int heard_ = 0;
};

void say(int pipe) {
    char const byte = '.';
    if (::write(pipe, &byte, 1) != 1) std::exit(98);
}

int write_on(std::string const& path, int pipe, std::int32_t rounds) {
    Writer writer(path, sample::header());
    for (std::int32_t round = 0; round < rounds; ++round) {
        writer.append(busy_record(round));
        say(pipe);
    }
    writer.finish(Ended::finished);
    return 0;
}

// All committed rounds are whole.
bool whole(Reader const& trace) {
    for (std::int32_t round = 0; round < trace.committed_rounds(); ++round) {
        auto const expected = busy_record(round);
        auto const events = trace.read<Event>(trace.rows_of<Event>(RoundId(round)));
        if (events.size() != events_per_round || events.back().begin_s != expected.events.back().begin_s) return false;
        auto const requests = trace.read<RequestRow>(trace.rows_of<RequestRow>(RoundId(round)));
        if (requests.size() != 3 || requests[0].finish_s != expected.requests[0].finish_s) return false;
        if (trace.rows_of<PlanRow>(RoundId(round)).count != expected.plans.size()) return false;
        if (trace.rows_of<BatteryRow>(RoundId(round)).count != 3) return false;
        if (trace.rates(RoundId(round))[1] != expected.rate_bit_s[1]) return false;
    }
    return trace.rows<Event>() == static_cast<std::uint64_t>(trace.committed_rounds()) * events_per_round &&
           trace.rows<OutageRow>() == (trace.committed_rounds() > 3 ? 1U : 0U);
}

// Writes until it fails, and says what became of it: 0 if it failed with an EnvironmentError that names the path and
// the reason.
int write_until_full(std::string const& path, std::string const& reason, int pipe) {
    try {
        write_on(path, pipe, 1000);
        return 1;
    } catch (EnvironmentError const& error) {
        std::string const text = error.what();
        bool const told = text.find(path) != std::string::npos && text.find(reason) != std::string::npos;
        if (!told) std::cerr << text << std::endl;
        return told ? 0 : 2;
    }
}

constexpr int no_mount = 42;

// Runs `work` in a process of its own, in which the folder is a disk of that size; returns what it returns, or
// no_mount.
int on_a_disk_of(std::string const& size, std::string const& folder,
                 std::function<int(std::string const&)> const& work) {
    std::filesystem::create_directory(folder);
    Child child([&](int) {
        int const spaces = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
        if (::unshare(spaces) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("tmpfs", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0)
            return no_mount;
        return work(folder);
    });
    auto const status = child.wait();
    if (status == no_mount) BOOST_TEST_MESSAGE("skipped: no file system can be mounted here");
    return status;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(survival, sample::Folder)

BOOST_AUTO_TEST_CASE(a_reader_knows_whether_a_writer_is_there) {
    auto const trace_file = file("t.h5");
    {
        Child child([&](int pipe) { return write_on(trace_file, pipe, 1'000'000); });
        child.heard(1);
        Reader trace(trace_file);
        BOOST_TEST(trace.being_written());
        BOOST_TEST(Reader(trace_file).being_written());  // readers neither look like writers nor take the mark away
        child.kill();
        BOOST_TEST(!trace.being_written());
        trace.refresh();
        BOOST_TEST((trace.ended() == Ended::running));
    }
    Writer writer(trace_file, sample::header());
    BOOST_TEST(Reader(trace_file).being_written());
    writer.finish(Ended::interrupted);
    BOOST_TEST(!Reader(trace_file).being_written());
}

BOOST_AUTO_TEST_CASE(a_killed_writer_leaves_every_finished_round) {
    RandomStream random(1, "kill");
    std::string command;
    for (int attempt = 0; attempt < 20; ++attempt) {
        auto const trace_file = file("t" + std::to_string(attempt) + ".h5");
        Child child([&](int pipe) { return write_on(trace_file, pipe, 1'000'000); });
        auto const rounds = child.heard(static_cast<int>(1 + random.below(30)));
        std::this_thread::sleep_for(std::chrono::microseconds(random.below(3000)));
        child.kill();
        auto const said = child.heard(1'000'000);
        BOOST_TEST(said >= rounds);
        Reader const trace(trace_file);
        BOOST_TEST(trace.committed_rounds() >= said);
        BOOST_TEST(trace.committed_rounds() <= said + 1);
        BOOST_TEST(whole(trace));
        BOOST_TEST((trace.ended() == Ended::running));
        BOOST_TEST(!trace.complete());
        command += " " + trace_file + " " + std::to_string(said) + " " + std::to_string(events_per_round);
    }
#ifdef SKIPSTONE_H5PY
    BOOST_TEST(std::system((std::string(SKIPSTONE_H5PY) + " killed" + command).c_str()) == 0);
#endif
}

BOOST_AUTO_TEST_CASE(a_reader_follows_a_writer) {
    auto const trace_file = file("t.h5");
    constexpr int rounds = 60;
    Child child([&](int pipe) { return write_on(trace_file, pipe, rounds); });
    child.heard(1);
    Reader trace(trace_file);
    std::int32_t before = 0;
    int running = 0;
    while (trace.ended() == Ended::running) {
        BOOST_REQUIRE(trace.committed_rounds() >= std::max(before, 1));
        BOOST_REQUIRE(whole(trace));
        before = trace.committed_rounds();
        ++running;
        trace.refresh();
    }
    BOOST_TEST(running > 0);
    BOOST_TEST(child.wait() == 0);
    trace.refresh();
    BOOST_TEST(trace.committed_rounds() == rounds);
    BOOST_TEST(trace.complete());
    BOOST_TEST(whole(trace));
}

BOOST_AUTO_TEST_CASE(when_the_file_may_not_grow_the_rounds_before_stay) {
    // From a limit that does not even hold the empty trace to one that holds some rounds.
    for (rlim_t const limit : {100U, 10'000U, 25'000U, 60'000U, 150'000U, 400'000U, 1'000'000U}) {
        auto const trace_file = file("t.h5");
        std::filesystem::remove(trace_file);
        Child child([&](int pipe) {
            ::signal(SIGXFSZ, SIG_IGN);
            rlimit const size{limit, limit};
            if (::setrlimit(RLIMIT_FSIZE, &size) != 0) return 97;
            return write_until_full(trace_file, "File too large", pipe);
        });
        auto const said = child.heard(1'000'000);
        BOOST_TEST(child.wait() == 0);
        BOOST_TEST((said > 0) == (limit >= 400'000U));
        if (!std::filesystem::exists(trace_file)) {
            BOOST_TEST(limit < 60'000U);
            BOOST_TEST(files() == 0);
            continue;
        }
        Reader const trace(trace_file);
        BOOST_TEST(trace.committed_rounds() == said);
        BOOST_TEST(whole(trace));
        BOOST_TEST((trace.ended() == Ended::running));
    }
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_named_and_the_rounds_before_stay) {
    for (std::string const size : {"8k", "64k", "600k"}) {
        auto const status = on_a_disk_of(size, file("disk"), [&](std::string const& disk) {
            Child writer([&](int pipe) { return write_until_full(disk + "/t.h5", "No space left on device", pipe); });
            auto const said = writer.heard(1'000'000);
            if (auto const ended = writer.wait(); ended != 0) return ended < 0 ? 10 : ended;
            if (size == "8k") return std::filesystem::is_empty(disk) && said == 0 ? 0 : 11;
            Reader const trace(disk + "/t.h5");
            if (trace.committed_rounds() != said || !whole(trace)) return 12;
            return size == "600k" && said == 0 ? 13 : 0;
        });
        BOOST_TEST((status == 0 || status == no_mount));
    }
}

BOOST_AUTO_TEST_CASE(a_start_on_a_full_disk_keeps_the_trace_that_was_there) {
    auto const trace_file = sample::write(file("t.h5"), sample::header(), sample::records(2));
    Child child([&](int pipe) {
        ::signal(SIGXFSZ, SIG_IGN);
        rlimit const size{1000, 1000};
        if (::setrlimit(RLIMIT_FSIZE, &size) != 0) return 97;
        return write_until_full(trace_file, "File too large", pipe);
    });
    BOOST_TEST(child.wait() == 0);
    BOOST_TEST(Reader(trace_file).committed_rounds() == 2);
    BOOST_TEST(Reader(trace_file).complete());
    BOOST_TEST(files() == 1);
}

BOOST_AUTO_TEST_CASE(after_a_failure_the_process_can_go_on) {
    auto const status = on_a_disk_of("300k", file("disk"), [&](std::string const& disk) {
        std::int32_t rounds = 0;
        {
            Writer writer(disk + "/t.h5", sample::header());
            try {
                for (; rounds < 100; ++rounds) writer.append(busy_record(rounds));
                return 1;
            } catch (EnvironmentError const&) {
                writer.finish(Ended::failed);  // nothing more can be said
            }
        }
        Reader const trace(disk + "/t.h5");
        if (trace.committed_rounds() != rounds || !whole(trace)) return 2;
        sample::write(file("other.h5"), sample::header(), sample::records(2));
        return Reader(file("other.h5")).committed_rounds() == 2 ? 0 : 3;
    });
    BOOST_TEST((status == 0 || status == no_mount));
}

BOOST_AUTO_TEST_SUITE_END()
