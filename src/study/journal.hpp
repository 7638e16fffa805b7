#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "study/workplace.hpp"

namespace skipstone::study {

// What a study's counts depend on, as pairs of a name and a value.
using Identity = std::vector<std::pair<std::string, std::string>>;

// The finished batches of a study that is not finished: a file beside its table, for one process at a time. A batch
// that was written whole is there again after a kill; a torn one at the end is left out.
class Journal {
  public:
    enum class Start { resume, anew };

    // Opens or creates the file. Throws InputError when it belongs to a study with other inputs, naming the first that
    // differs, when it is no journal, when another process has it, or when it cannot be written.
    Journal(std::string path, Identity const& identity, Start start);
    ~Journal();
    Journal(Journal const&) = delete;
    Journal& operator=(Journal const&) = delete;

    // What is in it of a pass (passes count from 0), by batch.
    std::map<std::size_t, Predictions> batches(std::size_t pass) const;
    std::size_t size() const { return records_.size(); }
    // The batch is safe from a kill afterwards, and from a power cut a few seconds later.
    void add(std::size_t pass, std::size_t batch, Predictions predictions);
    void remove();

  private:
    void read(Identity const& identity, Start start);
    void write(std::string const& bytes);

    std::string path_;
    int file_ = -1;
    std::map<std::pair<std::size_t, std::size_t>, Predictions> records_;
    std::chrono::steady_clock::time_point synced_;
};

}  // namespace skipstone::study
