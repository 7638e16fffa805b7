#include "study/team.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "units/error.hpp"

namespace skipstone::study {

namespace {

using namespace std::chrono_literals;

// Messages between rank 0 and the others. Numbers are 32-bit, in the host's order: ranks run the same program.
enum Tag : int {
    hello,     // to 0: number of threads
    pass,      // from 0: data set, sharing, sets
    batch,     // from 0: a batch of the last pass
    end,       // from 0
    result,    // to 0: pass number, batch, predictions
    failure,   // to 0: 1 for the user's input, else 0; then the text
    good_bye,  // to 0: nothing more comes
};

using Numbers = std::vector<std::uint32_t>;

std::span<std::byte const> bytes_of(Numbers const& numbers) {
    return std::as_bytes(std::span(numbers));
}

Numbers numbers_of(Buffer const& buffer) {
    Numbers numbers(buffer.size() / sizeof(std::uint32_t));
    if (!numbers.empty()) std::memcpy(numbers.data(), buffer.data(), buffer.size());
    return numbers;
}

Numbers encode(Pass const& pass) {
    Numbers numbers{static_cast<std::uint32_t>(pass.data), pass.tree.roots().size() > 1 ? 1U : 0U};
    for (auto const& set : pass.sets) {
        numbers.push_back(static_cast<std::uint32_t>(set.mode));
        numbers.push_back(static_cast<std::uint32_t>(set.dropped.size()));
        for (auto const block : set.dropped) numbers.push_back(static_cast<std::uint32_t>(block.value()));
    }
    return numbers;
}

Pass decode(Numbers const& numbers, Network const& network) {
    std::vector<DropSet> sets;
    for (std::size_t at = 2; at < numbers.size();) {
        DropSet set{{}, static_cast<BlockMode>(numbers[at])};
        auto const count = numbers[at + 1];
        at += 2;
        for (std::uint32_t i = 0; i < count; ++i) set.dropped.emplace_back(std::size_t{numbers[at++]});
        sets.push_back(std::move(set));
    }
    PrefixTree tree(network, sets, numbers[1] != 0 ? Sharing::none : Sharing::prefixes);
    return {numbers[0], std::move(sets), std::move(tree)};
}

// Messages on their way; their bytes live here until they are gone.
class Outbox {
  public:
    explicit Outbox(mpi::Communicator const& world) : world_(world) {}

    void send(int to, Tag tag, Numbers numbers) {
        auto kept = std::make_unique<Numbers>(std::move(numbers));
        auto request = world_.send(to, tag, bytes_of(*kept));
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
        std::unique_ptr<Numbers> numbers;
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

Numbers failure_numbers(std::exception const& error) {
    Numbers numbers{dynamic_cast<InputError const*>(&error) != nullptr ? 1U : 0U};
    for (char const* c = error.what(); *c != 0; ++c) numbers.push_back(static_cast<unsigned char>(*c));
    return numbers;
}

std::string numbers_text(std::span<std::uint32_t const> numbers) {
    std::string text;
    for (auto const n : numbers) text += static_cast<char>(n);
    return text;
}

}  // namespace

// Rank 0's view of the others.
class Team::Ranks {
  public:
    explicit Ranks(mpi::Communicator const& world)
        : world_(world), outbox_(world), others_(static_cast<std::size_t>(world.size())) {
        for (int greeted = 1; greeted < world.size();) {
            auto const message = receive(world);
            if (!message) {
                std::this_thread::sleep_for(1ms);
                continue;
            }
            others_[static_cast<std::size_t>(message->from)].threads = numbers_of(message->buffer).at(0);
            ++greeted;
        }
    }

    ~Ranks() {
        try {
            to_all(end, {});
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

    std::size_t threads() const {
        std::size_t all = 0;
        for (auto const& other : others_) all += other.threads;
        return all;
    }

    void start(Pass const& pass_here) {
        ++pass_;
        to_all(pass, encode(pass_here));
        for (auto& other : others_) other.busy = 0;
    }

    // A batch more for a rank that has room for one; false when none has. Each gets one ahead of what it works on.
    bool offer(std::size_t number) {
        for (std::size_t rank = 1; rank < others_.size(); ++rank) {
            auto& other = others_[rank];
            if (other.busy > other.threads) continue;
            ++other.busy;
            outbox_.send(static_cast<int>(rank), batch, {static_cast<std::uint32_t>(number)});
            return true;
        }
        return false;
    }

    std::optional<BatchResult> poll() {
        outbox_.tidy();
        while (auto message = receive(world_)) {
            auto numbers = numbers_of(message->buffer);
            if (message->tag == failure) {
                auto const text = numbers_text(std::span(numbers).subspan(1));
                if (numbers.front() != 0) throw InputError(text);
                throw EnvironmentError("rank " + std::to_string(message->from), text);
            }
            if (message->tag != result || numbers.at(0) != pass_) continue;
            --others_[static_cast<std::size_t>(message->from)].busy;
            return BatchResult{numbers.at(1), {numbers.begin() + 2, numbers.end()}};
        }
        return std::nullopt;
    }

  private:
    struct Other {
        std::size_t threads = 0;
        std::size_t busy = 0;  // batches that it was given and has not returned
    };

    void to_all(Tag tag, Numbers const& numbers) {
        for (int rank = 1; rank < world_.size(); ++rank) outbox_.send(rank, tag, numbers);
    }

    mpi::Communicator const& world_;
    Outbox outbox_;
    std::vector<Other> others_;  // by rank; rank 0 has no threads here
    std::uint32_t pass_ = 0;
};

Team::Team(Workplace const& workplace, int threads, mpi::Communicator const* world)
    : workers_(std::make_unique<Workers>(workplace, threads)),
      ranks_(world != nullptr && world->size() > 1 ? std::make_unique<Ranks>(*world) : nullptr) {}

Team::~Team() = default;

std::size_t Team::workers() const {
    return workers_->size() + (ranks_ ? ranks_->threads() : 0);
}

bool Team::classify(std::shared_ptr<Pass const> const& pass_here, std::vector<std::size_t> const& batches,
                    std::function<void(BatchResult&&)> const& take, std::atomic<bool> const& stop) {
    if (ranks_) ranks_->start(*pass_here);
    std::size_t given = 0, done = 0, busy = 0;
    while (done < batches.size()) {
        if (stop) return false;
        for (; given < batches.size() && busy <= workers_->size(); ++given, ++busy)
            workers_->submit(pass_here, batches[given]);
        while (ranks_ && given < batches.size() && ranks_->offer(batches[given])) ++given;
        while (auto result = ranks_ ? ranks_->poll() : std::nullopt) {
            ++done;
            take(*std::move(result));
        }
        if (auto result = workers_->wait(ranks_ ? 2ms : 50ms)) {
            ++done;
            --busy;
            take(*std::move(result));
        }
    }
    return true;
}

void serve(Workplace const& workplace, int threads, mpi::Communicator const& world) {
    Outbox outbox(world);
    outbox.send(0, hello, {static_cast<std::uint32_t>(threads)});
    auto workers = std::make_unique<Workers>(workplace, threads);
    std::shared_ptr<Pass const> current;
    std::uint32_t number = 0;
    for (bool more = true; more;) {
        try {
            while (auto message = receive(world)) {
                if (message->tag == pass) {
                    current = std::make_shared<Pass const>(decode(numbers_of(message->buffer), workplace.network()));
                    ++number;
                } else if (message->tag == batch) {
                    workers->submit(current, numbers_of(message->buffer).at(0));
                } else if (message->tag == end) {
                    more = false;
                }
            }
            outbox.tidy();
            auto done = workers->wait(5ms);
            if (!done) continue;
            Numbers numbers{number, static_cast<std::uint32_t>(done->batch)};
            numbers.insert(numbers.end(), done->predictions.begin(), done->predictions.end());
            outbox.send(0, result, std::move(numbers));
        } catch (std::exception const& error) {  // rank 0 ends the study
            outbox.send(0, failure, failure_numbers(error));
            workers = std::make_unique<Workers>(workplace, threads);
        }
    }
    outbox.send(0, good_bye, {});
    outbox.flush();
}

}  // namespace skipstone::study
