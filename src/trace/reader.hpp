#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trace/schema.hpp"

namespace skipstone::trace {

struct RowRange {
    std::uint64_t first = 0, count = 0;
};

// Reads a trace, finished, being written by another process, or left by a killed one; changes nothing. Shows committed
// rounds only: what was there when it was opened or refreshed. Row types are those of schema.hpp. Throws InputError,
// naming the file and what is wrong, for a file that is no trace or lacks a table or column. One thread at a time.
// Move-only.
class Reader {
  public:
    explicit Reader(std::string path);
    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

    std::string const& path() const;
    Header const& header() const;
    bool complete() const;
    Ended ended() const;
    // Host seconds that rank 0 stood still; 0 while it is not known (the run has not ended).
    double stalled_s() const;
    std::int32_t committed_rounds() const;
    // A writer has the file open now, as far as this host can know: false, too, while a process on another host writes
    // it, where the file system does not tell locks from host to host. Looks anew at every call.
    bool being_written() const;
    // Looks at the file again.
    void refresh();

    // Committed rows of a table. /links/used of a fleet with dense rates: none.
    template <class Row>
    std::uint64_t rows() const;
    // Those of one round; Row has a column `round`.
    template <class Row>
    RowRange rows_of(RoundId round) const;
    template <class Row>
    std::vector<Row> read(RowRange range) const;
    template <class Row>
    std::vector<Row> read() const {
        return read<Row>({0, rows<Row>()});
    }
    // Calls visit with at most batch rows at a time, in order: for traces larger than memory.
    template <class Row>
    void for_each_batch(std::uint64_t batch, std::function<void(std::span<Row const>)> const& visit) const {
        for (std::uint64_t first = 0; first < rows<Row>(); first += batch) {
            auto const part = read<Row>({first, std::min(batch, rows<Row>() - first)});
            visit(part);
        }
    }

    // Throws InputError, naming file and table, for a device or block that the trace does not have.
    void require_device(std::int32_t device, std::string const& table) const;
    void require_block(std::int32_t block, std::string const& table) const;

    // The fleet is small enough for /links/rate_bit_s.
    bool has_dense_rates() const;
    // Rates of one round in bit/s, [device, peer], NaN on the diagonal. has_dense_rates() must hold.
    std::vector<double> rates(RoundId round) const;
    // The `units` attribute of a table ("column=unit"); empty when it has none. path: as in Table, or rates_path.
    std::vector<std::string> units(std::string const& table) const;
    // False for a column that earlier programs did not write, in a trace of theirs.
    template <class Row>
    bool has_column(std::string_view name) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace skipstone::trace
