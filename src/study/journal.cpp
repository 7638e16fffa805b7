#include "study/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::study {

namespace {

constexpr std::string_view title = "skipstone-study-journal 1\n";
constexpr auto sync_interval = std::chrono::seconds(5);

// The text before the records: the title, a line "name = value" each, an empty line.
std::string heading(Identity const& identity) {
    std::string text(title);
    for (auto const& [name, value] : identity) text += name + " = " + value + "\n";
    return text + "\n";
}

// A record: pass, batch, number of predictions, then those, then a checksum of all before it; 32-bit numbers, but the
// last (64).
std::uint64_t checksum(std::string_view bytes) {  // FNV-1a
    std::uint64_t sum = 0xcbf29ce484222325ULL;
    for (char const byte : bytes) sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    return sum;
}

template <class Number>
void append(std::string& bytes, Number number) {
    std::array<char, sizeof(Number)> raw{};
    std::memcpy(raw.data(), &number, sizeof number);
    bytes.append(raw.data(), raw.size());
}

template <class Number>
Number number_at(std::string_view bytes, std::size_t at) {
    Number number{};
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
}

std::string record(std::size_t pass, std::size_t batch, Predictions const& predictions) {
    std::string bytes;
    append(bytes, static_cast<std::uint32_t>(pass));
    append(bytes, static_cast<std::uint32_t>(batch));
    append(bytes, static_cast<std::uint32_t>(predictions.size()));
    for (auto const prediction : predictions) append(bytes, prediction);
    append(bytes, checksum(bytes));
    return bytes;
}

std::string clipped(std::string_view value) {
    constexpr std::size_t most = 80;
    return value.size() <= most ? std::string(value) : std::string(value.substr(0, most)) + "…";
}

// "name" of the first line where they differ, with both values.
std::string difference(std::string_view here, std::string_view there) {
    auto const next = [](std::string_view& text) {
        auto const end = std::min(text.find('\n'), text.size());
        auto const line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        return line;
    };
    while (!here.empty()) {
        auto const mine = next(here), other = next(there);
        if (mine == other) continue;
        auto const split = mine.find(" = ");
        if (split == std::string_view::npos || other.substr(0, split) != mine.substr(0, split)) break;
        return std::string(mine.substr(0, split)) + " was " + clipped(other.substr(split + 3)) + ", now it is " +
               clipped(mine.substr(split + 3));
    }
    return "it was written by another version";
}

}  // namespace

Journal::Journal(std::string path, Identity const& identity, Start start) : path_(std::move(path)) {
    refuse_to_replace_input(path_);
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (file_ < 0)
        throw InputError({path_, 0, ""}, "cannot be written (" + std::generic_category().message(errno) +
                                             "); the study keeps its finished batches there, beside its table");
    try {
        if (flock(file_, LOCK_EX | LOCK_NB) != 0)
            throw InputError({path_, 0, ""}, "is in use: another study is writing it; choose another table");
        read(identity, start);
    } catch (...) {
        close(file_);
        throw;
    }
}

Journal::~Journal() {
    if (records_.empty()) unlink(path_.c_str());  // nothing to go on with
    close(file_);
}

std::map<std::size_t, Predictions> Journal::batches(std::size_t pass) const {
    std::map<std::size_t, Predictions> found;
    for (auto const& [place, predictions] : records_)
        if (place.first == pass) found.emplace(place.second, predictions);
    return found;
}

void Journal::add(std::size_t pass, std::size_t batch, Predictions predictions) {
    write(record(pass, batch, predictions));
    records_.insert_or_assign({pass, batch}, std::move(predictions));
    auto const now = std::chrono::steady_clock::now();
    if (now - synced_ < sync_interval) return;
    if (fdatasync(file_) != 0) throw EnvironmentError::from_errno("fdatasync " + path_);
    synced_ = now;
}

void Journal::remove() {
    if (unlink(path_.c_str()) != 0) throw EnvironmentError::from_errno("unlink " + path_);
    records_.clear();
}

void Journal::read(Identity const& identity, Start start) {
    auto const text = config::read_text_file(path_, config::Reads::own);
    auto const mine = heading(identity);
    std::string_view rest(text);
    if (start == Start::anew || !rest.starts_with(mine)) {
        if (!title.starts_with(rest.substr(0, title.size())))
            throw InputError({path_, 0, ""}, "is no journal of a study; move it away, or choose another table");
        auto const end = rest.find("\n\n");
        if (start == Start::resume && rest.starts_with(title) && end != std::string_view::npos)
            throw InputError({path_, 0, ""}, "holds the finished batches of a study with other inputs: " +
                                                 difference(mine, rest.substr(0, end)) +
                                                 "; give the same inputs to go on with it, or --restart to forget it");
        if (ftruncate(file_, 0) != 0) throw EnvironmentError::from_errno("ftruncate " + path_);  // empty, torn or to be forgotten
        write(mine);
        return;
    }
    rest.remove_prefix(mine.size());
    constexpr std::size_t number = sizeof(std::uint32_t), fixed = 3 * number;
    while (rest.size() >= fixed) {
        auto const count = number_at<std::uint32_t>(rest, 2 * number);
        auto const body = fixed + std::size_t{count} * number;
        if (rest.size() < body + sizeof(std::uint64_t)) break;
        if (number_at<std::uint64_t>(rest, body) != checksum(rest.substr(0, body))) break;
        Predictions predictions(count);
        if (count > 0) std::memcpy(predictions.data(), rest.data() + fixed, count * number);
        records_.insert_or_assign({number_at<std::uint32_t>(rest, 0), number_at<std::uint32_t>(rest, number)},
                                  std::move(predictions));
        rest.remove_prefix(body + sizeof(std::uint64_t));
    }
    auto const whole = static_cast<off_t>(text.size() - rest.size());
    if (ftruncate(file_, whole) != 0 || lseek(file_, whole, SEEK_SET) < 0)
        throw EnvironmentError::from_errno("ftruncate " + path_);
}

void Journal::write(std::string const& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        auto const count = ::write(file_, bytes.data() + done, bytes.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw EnvironmentError::from_errno("write " + path_);
        done += static_cast<std::size_t>(count);
    }
}

}  // namespace skipstone::study
