#include "exits/crew.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "units/error.hpp"

namespace skipstone::exits {

namespace {

using namespace std::chrono_literals;

// Messages between rank 0 and the others.
enum Tag : int {
    hello,    // to 0: number of threads
    task,     // from 0: number, bytes
    end,      // from 0
    result,   // to 0: number, bytes
    failure,  // to 0: 1 for the user's input, else 0; then the text
    good_bye  // to 0: nothing more comes
};

Buffer numbered(std::uint64_t number, std::span<std::byte const> bytes) {
    Buffer message(sizeof number + bytes.size());
    std::memcpy(message.data(), &number, sizeof number);
    if (!bytes.empty()) std::memcpy(message.data() + sizeof number, bytes.data(), bytes.size());
    return message;
}

std::uint64_t number_of(Buffer const& message) {
    std::uint64_t number = 0;
    SKIPSTONE_EXPECT(message.size() >= sizeof number);
    std::memcpy(&number, message.data(), sizeof number);
    return number;
}

Buffer bytes_of(Buffer const& message) {
    auto const bytes = message.bytes().subspan(sizeof(std::uint64_t));
    Buffer copy(bytes.size());
    if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
    return copy;
}

// Messages on their way; their bytes live here until they are gone.
class Outbox {
  public:
    explicit Outbox(mpi::Communicator const& world) : world_(world) {}

    void send(int to, Tag tag, Buffer bytes) {
        auto kept = std::make_unique<Buffer>(std::move(bytes));
        auto request = world_.send(to, tag, kept->bytes());
        pending_.push_back({std::move(kept), std::move(request)});
        tidy();
    }
    void tidy() {
        while (!pending_.empty() && pending_.front().request.done()) pending_.pop_front();
    }
    void flush() {
        for (tidy(); !pending_.empty(); tidy()) std::this_thread::sleep_for(1ms);
    }

  private:
    struct Pending {
        std::unique_ptr<Buffer> bytes;
        mpi::Request request;
    };
    mpi::Communicator const& world_;
    std::deque<Pending> pending_;
};

struct Message {
    int from;
    Tag tag;
    Buffer buffer;
};

std::optional<Message> receive(mpi::Communicator const& world) {
    auto incoming = world.probe();
    if (!incoming) return std::nullopt;
    while (!incoming->request.done()) std::this_thread::sleep_for(100us);
    return Message{incoming->from, static_cast<Tag>(incoming->tag), std::move(incoming->buffer)};
}

Buffer failure_bytes(std::exception const& error) {
    std::string_view const text(error.what());
    return numbered(dynamic_cast<InputError const*>(&error) != nullptr ? 1U : 0U, std::as_bytes(std::span(text)));
}

struct Done {
    std::size_t number = 0;
    Buffer result;
};

}  // namespace

// Those of this process.
class Crew::Threads {
  public:
    Threads(HandMaker make, int threads) : make_(std::move(make)) {
        SKIPSTONE_EXPECT(threads >= 1);
        for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
    }
    ~Threads() {
        {
            std::scoped_lock const lock(mutex_);
            stop_ = true;
        }
        tasks_changed_.notify_all();
        threads_.clear();
    }
    Threads(Threads const&) = delete;
    Threads& operator=(Threads const&) = delete;

    std::size_t size() const { return threads_.size(); }

    void submit(std::size_t number, Buffer bytes) {
        {
            std::scoped_lock const lock(mutex_);
            tasks_.push_back({number, std::move(bytes)});
        }
        tasks_changed_.notify_one();
    }

    // The next result, in the order finished; nothing when none came in time. Throws what a hand threw.
    std::optional<Done> wait(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex_);
        results_changed_.wait_for(lock, limit, [this] { return failure_ || !results_.empty(); });
        if (failure_) std::rethrow_exception(failure_);
        if (results_.empty()) return std::nullopt;
        auto done = std::move(results_.front());
        results_.pop_front();
        return done;
    }

  private:
    void work() try {
        auto const hand = make_();
        while (true) {
            Done next;
            {
                std::unique_lock lock(mutex_);
                tasks_changed_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
                if (stop_) return;
                next = std::move(tasks_.front());
                tasks_.pop_front();
            }
            next.result = hand->work(std::move(next.result), stop_);
            if (stop_) return;
            {
                std::scoped_lock const lock(mutex_);
                results_.push_back(std::move(next));
            }
            results_changed_.notify_one();
        }
    } catch (...) {
        {
            std::scoped_lock const lock(mutex_);
            failure_ = std::current_exception();
        }
        results_changed_.notify_one();
    }

    HandMaker make_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable tasks_changed_, results_changed_;
    std::deque<Done> tasks_;  // `result` holds the task
    std::deque<Done> results_;
    std::exception_ptr failure_;
    std::vector<std::jthread> threads_;
};

// Rank 0's view of the others.
class Crew::Ranks {
  public:
    explicit Ranks(mpi::Communicator const& world)
        : world_(world), outbox_(world), others_(static_cast<std::size_t>(world.size())) {
        for (int greeted = 1; greeted < world.size();) {
            auto const message = receive(world);
            if (!message) {
                std::this_thread::sleep_for(1ms);
                continue;
            }
            others_[static_cast<std::size_t>(message->from)].threads = number_of(message->buffer);
            ++greeted;
        }
    }
    ~Ranks() {
        try {
            for (int rank = 1; rank < world_.size(); ++rank) outbox_.send(rank, end, {});
            for (int left = world_.size() - 1; left > 0;) {
                auto const message = receive(world_);
                if (!message)
                    std::this_thread::sleep_for(1ms);
                else if (message->tag == good_bye)
                    --left;
            }
            outbox_.flush();
        } catch (std::exception const&) {
            world_.abort(1);
        }
    }
    Ranks(Ranks const&) = delete;
    Ranks& operator=(Ranks const&) = delete;

    std::size_t threads() const {
        std::size_t all = 0;
        for (auto const& other : others_) all += other.threads;
        return all;
    }

    // A rank that has room for a task; none: 0. Each gets one ahead of what it works on.
    int free_rank() const {
        for (std::size_t rank = 1; rank < others_.size(); ++rank)
            if (others_[rank].busy <= others_[rank].threads) return static_cast<int>(rank);
        return 0;
    }
    void submit(int rank, std::size_t number, Buffer const& bytes) {
        ++others_[static_cast<std::size_t>(rank)].busy;
        outbox_.send(rank, task, numbered(number, bytes.bytes()));
    }

    std::optional<Done> poll() {
        outbox_.tidy();
        auto message = receive(world_);
        if (!message) return std::nullopt;
        if (message->tag == failure) {
            auto const bytes = bytes_of(message->buffer);
            std::string const text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
            if (number_of(message->buffer) != 0) throw InputError(text);
            throw EnvironmentError("rank " + std::to_string(message->from), text);
        }
        SKIPSTONE_EXPECT(message->tag == result);
        --others_[static_cast<std::size_t>(message->from)].busy;
        return Done{number_of(message->buffer), bytes_of(message->buffer)};
    }

  private:
    struct Other {
        std::size_t threads = 0;
        std::size_t busy = 0;  // tasks that it was given and has not returned
    };

    mpi::Communicator const& world_;
    Outbox outbox_;
    std::vector<Other> others_;  // by rank; rank 0 has no threads here
};

Crew::Crew(HandMaker make, int threads, mpi::Communicator const* world)
    : threads_(std::make_unique<Threads>(std::move(make), threads)),
      ranks_(world != nullptr && world->size() > 1 ? std::make_unique<Ranks>(*world) : nullptr) {}

Crew::~Crew() = default;

std::size_t Crew::hands() const {
    return threads_->size() + (ranks_ ? ranks_->threads() : 0);
}

bool Crew::run(std::size_t count, std::function<Buffer(std::size_t)> const& task_of,
               std::function<void(std::size_t, Buffer)> const& take, std::atomic<bool> const& stop) {
    std::size_t given = 0, done = 0, busy = 0;
    auto const finish = [&](Done&& one) {
        ++done;
        take(one.number, std::move(one.result));
    };
    while (done < count) {
        if (stop) return false;
        if (given < count && busy <= threads_->size()) {
            threads_->submit(given, task_of(given));
            ++given;
            ++busy;
        }
        if (int const rank = ranks_ && given < count ? ranks_->free_rank() : 0; rank > 0) {
            ranks_->submit(rank, given, task_of(given));
            ++given;
        }
        while (auto one = ranks_ ? ranks_->poll() : std::nullopt) finish(*std::move(one));
        bool const more = given < count && (busy <= threads_->size() || (ranks_ && ranks_->free_rank() > 0));
        if (auto one = threads_->wait(more ? 0ms : ranks_ ? 2ms : 50ms)) {
            --busy;
            finish(*std::move(one));
        }
    }
    return true;
}

void serve(HandMaker make, int threads, mpi::Communicator const& world) {
    Outbox outbox(world);
    outbox.send(0, hello, numbered(static_cast<std::uint64_t>(threads), {}));
    auto hands = std::make_unique<Crew::Threads>(make, threads);
    for (bool more = true; more;) {
        try {
            while (auto message = receive(world)) {
                if (message->tag == task)
                    hands->submit(number_of(message->buffer), bytes_of(message->buffer));
                else if (message->tag == end)
                    more = false;
            }
            outbox.tidy();
            if (auto const done = hands->wait(5ms))
                outbox.send(0, result, numbered(done->number, done->result.bytes()));
        } catch (std::exception const& error) {  // rank 0 ends the job
            outbox.send(0, failure, failure_bytes(error));
            hands = std::make_unique<Crew::Threads>(make, threads);
        }
    }
    outbox.send(0, good_bye, {});
    outbox.flush();
}

}  // namespace skipstone::exits
