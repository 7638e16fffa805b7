// Runs a target without libFuzzer, for any compiler: first every file that is named or lies in a named folder, then so
// many inputs made from them with a fixed seed (changed, cut, joined), for at most so many seconds.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

#include "tests/fuzz/target.hpp"

// A target may have a way of its own to change an input, as libFuzzer calls it.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed)
    __attribute__((weak));

namespace {

namespace fs = std::filesystem;
using Input = std::vector<std::uint8_t>;

constexpr unsigned longest_input_seconds = 20;

void take_too_long(int) {
    constexpr char message[] = "an input takes too long\n";
    static_cast<void>(::write(2, message, sizeof message - 1));
    std::abort();
}

void run(Input const& input) {
    ::alarm(longest_input_seconds);
    LLVMFuzzerTestOneInput(input.data(), input.size());
    ::alarm(0);
}

Input read(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> files_of(fs::path const& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    for (auto const& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

class Mutator {
  public:
    explicit Mutator(std::vector<Input> const& seeds) : seeds_(seeds) {}

    Input next() {
        Input input = any();
        if (LLVMFuzzerCustomMutator && below(4) > 0) return changed_its_own_way(std::move(input));
        for (std::size_t i = below(4) + 1; i > 0; --i) change(input);
        return input;
    }

  private:
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
    Input changed_its_own_way(Input input) {
        constexpr std::size_t room = 1 << 16;  // to grow
        auto const size = input.size();
        input.resize(size + room);
        input.resize(LLVMFuzzerCustomMutator(input.data(), size, input.size(), static_cast<unsigned>(random_())));
        return input;
    }

    Input const& any() { return seeds_[below(seeds_.size())]; }

    void change(Input& input) {
        if (input.empty()) input.push_back(0);
        auto const at = below(input.size());
        auto const place = input.begin() + static_cast<std::ptrdiff_t>(at);
        auto const length = std::min(below(32) + 1, input.size() - at);
        switch (below(7)) {
            case 0:
                input[at] = static_cast<std::uint8_t>(random_());
                return;
            case 1:
                input[at] = static_cast<std::uint8_t>(input[at] ^ (1U << below(8)));
                return;
            case 2:
                std::fill_n(place, length, static_cast<std::uint8_t>(below(2) * 0xff));
                return;
            case 3:
                input.erase(place, place + static_cast<std::ptrdiff_t>(length));
                return;
            case 4: {
                Input const copy(place, place + static_cast<std::ptrdiff_t>(length));
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(input.size())), copy.begin(),
                             copy.end());
                return;
            }
            case 5:
                input.resize(at);
                return;
            default: {  // a piece of another input
                Input const& other = any();
                if (other.empty()) return;
                auto const from = below(other.size());
                auto const count = std::min(below(64) + 1, other.size() - from);
                input.insert(place, other.begin() + static_cast<std::ptrdiff_t>(from),
                             other.begin() + static_cast<std::ptrdiff_t>(from + count));
            }
        }
    }

    std::vector<Input> const& seeds_;
    std::mt19937_64 random_{1};
};

template <class Number>
Number number_of(char const* text) {
    Number number{};
    std::from_chars(text, text + std::strlen(text), number);
    return number;
}

}  // namespace

int main(int count, char** arguments) {
    constexpr char usage[] = "usage: fuzz_TARGET FILE|FOLDER… [--inputs N] [--seconds S]\n";
    std::vector<Input> seeds;
    std::size_t inputs = 0;
    std::chrono::seconds limit(10);
    std::signal(SIGALRM, take_too_long);
    for (int i = 1; i < count; ++i) {
        bool const has_value = i + 1 < count;
        if (std::strcmp(arguments[i], "--inputs") == 0 && has_value) {
            inputs = number_of<std::size_t>(arguments[++i]);
        } else if (std::strcmp(arguments[i], "--seconds") == 0 && has_value) {
            limit = std::chrono::seconds(number_of<int>(arguments[++i]));
        } else if (fs::exists(arguments[i])) {
            for (auto const& file : files_of(arguments[i])) {
                std::fprintf(stderr, "%s\n", file.c_str());  // what it is when it crashes
                seeds.push_back(read(file));
                run(seeds.back());
            }
        } else {
            std::fputs(usage, stderr);
            return 2;
        }
    }
    if (seeds.empty()) {
        std::fputs(usage, stderr);
        return 2;
    }
    Mutator mutator(seeds);
    auto const end = std::chrono::steady_clock::now() + limit;
    std::size_t done = 0;
    for (; done < inputs && std::chrono::steady_clock::now() < end; ++done) {
        auto const input = mutator.next();
        run(input);
    }
    std::fprintf(stderr, "%zu files, %zu inputs made from them\n", seeds.size(), done);
    return 0;
}
