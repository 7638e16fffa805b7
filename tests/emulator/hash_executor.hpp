#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "emulator/executor.hpp"
#include "model/box.hpp"
#include "units/error.hpp"

namespace skipstone::test {

// Places of a block's input that one place of its output is made of, along one axis.
inline Range cell(int place, int outputs, int inputs) {
    auto const at = [&](int i) { return static_cast<int>(static_cast<std::int64_t>(i) * inputs / outputs); };
    int const begin = std::min(at(place), inputs - 1);
    return {begin, std::max(begin + 1, at(place + 1))};
}

inline Range cells(Range places, int outputs, int inputs) {
    return {cell(places.begin, outputs, inputs).begin, cell(places.end - 1, outputs, inputs).end};
}

inline Range share_of(int size, int part, int parts) {
    return {size * part / parts, size * (part + 1) / parts};
}

// The regions of a block's parts as HashExecutor needs them, with a halo of one pixel around rows and tiles.
inline std::vector<Part> hashed_parts(Network const& network, BlockId block, Split split) {
    auto const& b = network.block(block);
    auto const with_halo = [](Range range, int size) {
        return Range{std::max(0, range.begin - 1), std::min(size, range.end + 1)};
    };
    int down = split.parts;  // of a grid of tiles
    if (split.kind == Split::Kind::tiles)
        for (down = static_cast<int>(std::sqrt(split.parts)); split.parts % down != 0;) --down;
    std::vector<Part> parts;
    for (int p = 0; p < split.parts; ++p) {
        Part part{whole_region(b.input), whole_region(b.output), {}};
        switch (split.kind) {
            case Split::Kind::outputs:
                part.output.c = share_of(b.output.c, p, split.parts);
                break;
            case Split::Kind::inputs:
                part.input.c = share_of(b.input.c, p, split.parts);
                break;
            case Split::Kind::rows:
            case Split::Kind::tiles:
                part.output.h = share_of(b.output.h, p % down, down);
                part.output.w = share_of(b.output.w, p / down, split.parts / down);
                part.input.h = with_halo(cells(part.output.h, b.output.h, b.input.h), b.input.h);
                part.input.w = with_halo(cells(part.output.w, b.output.w, b.input.w), b.input.w);
                break;
            case Split::Kind::whole:
                break;
        }
        parts.push_back(part);
    }
    return parts;
}

// Stands in for kernels: outputs that depend on the input's values and their places, on the block and its mode; refuses
// inputs of a wrong shape. A part gives what the whole block has in its place, bit by bit, if it is fed with its box.
class HashExecutor : public emulator::BlockExecutor {
  public:
    explicit HashExecutor(Network const& network) : network_(network) {}
    void prepare(BlockId, BlockMode) override {}
    void prepare_part(BlockId, Split, int) override {}
    double measure(BlockId) override { return 1e-4; }

    Tensor run(BlockId block, BlockMode mode, Tensor input) override {
        auto const& b = network_.block(block);
        SKIPSTONE_EXPECT(input.shape() == b.input);
        if (mode == BlockMode::skip && b.vanishes_when_dropped() && b.input == b.output) return input;
        return finished(sums(block, mode, input, whole_region(b.input), whole_region(b.output)), block, mode);
    }

    Tensor run_part(BlockId block, Split split, int part, Tensor box) override {
        auto const regions = hashed_parts(network_, block, split).at(static_cast<std::size_t>(part));
        SKIPSTONE_EXPECT(box.shape() == regions.input.shape());
        auto partial = sums(block, BlockMode::full, box, regions.input, regions.output);
        return split.kind == Split::Kind::inputs ? std::move(partial)
                                                 : finished(std::move(partial), block, BlockMode::full);
    }

    Tensor join(BlockId block, Split split, std::vector<Tensor> parts) override {
        auto const regions = hashed_parts(network_, block, split);
        SKIPSTONE_EXPECT(parts.size() == regions.size());
        Tensor whole(network_.block(block).output);
        std::ranges::fill(whole.values(), 0.0F);
        for (std::size_t p = 0; p < parts.size(); ++p) {
            if (split.kind != Split::Kind::inputs) {
                paste(whole, regions[p].output, parts[p]);
                continue;
            }
            SKIPSTONE_EXPECT(parts[p].shape() == whole.shape());
            for (std::size_t i = 0; i < whole.values().size(); ++i)
                whole.values()[i] = std::fmod(whole.values()[i] + parts[p].values()[i], modulus);
        }
        return split.kind == Split::Kind::inputs ? finished(std::move(whole), block, BlockMode::full)
                                                 : std::move(whole);
    }

  private:
    static constexpr float modulus = 1 << 20;  // sums of two stay exact

    // For each place of `output`: a sum, modulo 2^20, over its cell's values in `input`.
    Tensor sums(BlockId block, BlockMode mode, Tensor const& values, Region const& input, Region const& output) const {
        auto const& b = network_.block(block);
        Tensor result(output.shape());
        auto to = result.values().begin();
        auto const key = static_cast<std::uint32_t>(7 * block.value() + static_cast<int>(mode));
        for (int h = output.h.begin; h < output.h.end; ++h)
            for (int w = output.w.begin; w < output.w.end; ++w) {
                Range const rows = cell(h, b.output.h, b.input.h), columns = cell(w, b.output.w, b.input.w);
                SKIPSTONE_EXPECT(input.h.begin <= rows.begin && rows.end <= input.h.end);
                SKIPSTONE_EXPECT(input.w.begin <= columns.begin && columns.end <= input.w.end);
                std::uint32_t sum = 0;
                for (int y = rows.begin; y < rows.end; ++y)
                    for (int x = columns.begin; x < columns.end; ++x) {
                        auto const pixel =
                            static_cast<std::size_t>(y - input.h.begin) * static_cast<std::size_t>(input.w.size()) +
                            static_cast<std::size_t>(x - input.w.begin);
                        auto const* from = &values.values()[pixel * static_cast<std::size_t>(input.c.size())];
                        for (int c = input.c.begin; c < input.c.end; ++c, ++from) {
                            auto const place = static_cast<std::uint32_t>((y * 1009 + x) * 4099 + c);
                            auto mixed = (std::bit_cast<std::uint32_t>(*from) ^ place * 2654435761U) * 2246822519U;
                            mixed ^= mixed >> 15;
                            sum += mixed * 3266489917U;
                        }
                    }
                for (int c = output.c.begin; c < output.c.end; ++c)
                    *to++ = static_cast<float>(sum * (2 * static_cast<std::uint32_t>(c) + key * 2 + 1) % (1U << 20));
            }
        return result;
    }

    Tensor finished(Tensor sums, BlockId block, BlockMode mode) const {
        auto const shift = static_cast<float>(block.value() + 100 * static_cast<int>(mode));
        for (float& x : sums.values()) x = (x + shift) / modulus;
        return sums;
    }

    Network network_;
};

}  // namespace skipstone::test
