#include "trace/version1.hpp"

#include <charconv>
#include <optional>

namespace skipstone::trace {

namespace {

// N of a block sNbM.
std::optional<std::int32_t> stage_in(std::string_view name) {
    constexpr std::size_t most_digits = 6;
    auto const digits = name.find_first_not_of("0123456789", 1) - 1;
    if (!name.starts_with('s') || digits < 1 || digits > most_digits || name[digits + 1] != 'b') return std::nullopt;
    std::int32_t stage = 0;
    std::from_chars(name.data() + 1, name.data() + 1 + digits, stage);
    return stage;
}

}  // namespace

void complete_blocks(std::vector<BlockRow>& blocks) {
    std::int32_t stage = 0;  // of the block before
    for (auto& block : blocks) {
        block.stage = stage = stage_in(block.name.view()).value_or(stage + 1);
        block.input_bytes = &block == &blocks.front() ? block.memory_bytes : (&block - 1)->output_bytes;
    }
}

}  // namespace skipstone::trace
