#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "trace/reader.hpp"

namespace skipstone::analysis {

// The rows of a table with a column `round`, read once from its beginning in batches, whatever the size of a round.
template <class Row>
class RoundStream {
  public:
    RoundStream(trace::Reader const& trace, std::uint64_t batch) : trace_(trace), batch_(batch) {}

    // The next rows of that round, as many as are at hand; empty: it has no more. Rounds must be asked for in ascending
    // order, each until it is empty. Valid until the next call.
    std::span<Row const> next(std::int32_t round) {
        if (at_ == rows_.size()) {
            auto const count = std::min(batch_, trace_.rows<Row>() - read_);
            rows_ = trace_.read<Row>({read_, count});
            read_ += count;
            at_ = 0;
        }
        auto const begin = at_;
        while (at_ < rows_.size() && rows_[at_].round == round) ++at_;
        return {rows_.data() + begin, at_ - begin};
    }

    // All rows of that round.
    std::vector<Row> all(std::int32_t round) {
        std::vector<Row> rows;
        for (auto part = next(round); !part.empty(); part = next(round))
            rows.insert(rows.end(), part.begin(), part.end());
        return rows;
    }

  private:
    trace::Reader const& trace_;
    std::uint64_t batch_;
    std::uint64_t read_ = 0;  // rows read from the file
    std::vector<Row> rows_;
    std::size_t at_ = 0;
};

}  // namespace skipstone::analysis
