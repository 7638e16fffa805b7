#include "model/box.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <random>

#include "units/error.hpp"

using namespace skipstone;

namespace {

Tensor numbered(TensorShape shape) {
    Tensor tensor(shape);
    float value = 0;
    for (float& x : tensor.values()) x = ++value;
    return tensor;
}

float at(Tensor const& tensor, int h, int w, int c) {
    auto const shape = tensor.shape();
    return tensor.values()[static_cast<std::size_t>((h * shape.w + w) * shape.c + c)];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(box)

BOOST_AUTO_TEST_CASE(cuts_every_element_of_a_box_and_pastes_it_back) {
    std::mt19937 random(1);
    auto const range_in = [&](int size) {
        int const begin = std::uniform_int_distribution(0, size - 1)(random);
        bool const all = std::uniform_int_distribution(0, 2)(random) == 0;
        return all ? Range{0, size} : Range{begin, std::uniform_int_distribution(begin + 1, size)(random)};
    };
    auto const whole = numbered({1, 5, 4, 3});
    for (int i = 0; i < 200; ++i) {
        Region const box{range_in(5), range_in(4), range_in(3)};
        auto const piece = cut(whole, box);
        BOOST_REQUIRE((piece.shape() == box.shape()));
        for (int h = 0; h < box.h.size(); ++h)
            for (int w = 0; w < box.w.size(); ++w)
                for (int c = 0; c < box.c.size(); ++c)
                    BOOST_REQUIRE(at(piece, h, w, c) == at(whole, box.h.begin + h, box.w.begin + w, box.c.begin + c));
        Tensor again(whole.shape());
        std::ranges::fill(again.values(), -1.0F);
        paste(again, box, piece);
        for (int h = 0; h < 5; ++h)
            for (int w = 0; w < 4; ++w)
                for (int c = 0; c < 3; ++c) {
                    bool const inside = h >= box.h.begin && h < box.h.end && w >= box.w.begin && w < box.w.end &&
                                        c >= box.c.begin && c < box.c.end;
                    BOOST_REQUIRE(at(again, h, w, c) == (inside ? at(whole, h, w, c) : -1.0F));
                }
    }
}

BOOST_AUTO_TEST_CASE(keeps_the_element_type) {
    Tensor bytes({1, 2, 2, 2}, ElementType::uint8);
    for (std::size_t i = 0; i < 8; ++i) bytes.bytes()[i] = static_cast<std::byte>(i);
    auto const piece = cut(bytes, {{1, 2}, {0, 2}, {1, 2}});
    BOOST_TEST((piece.type() == ElementType::uint8));
    BOOST_TEST((piece.bytes()[0] == std::byte{5} && piece.bytes()[1] == std::byte{7}));
}

BOOST_AUTO_TEST_CASE(refuses_a_box_that_is_empty_or_sticks_out) {
    auto whole = numbered({1, 2, 2, 2});
    BOOST_CHECK_THROW(cut(whole, {{0, 3}, {0, 2}, {0, 2}}), ContractError);
    BOOST_CHECK_THROW(cut(whole, {{0, 2}, {1, 1}, {0, 2}}), ContractError);
    BOOST_CHECK_THROW(cut(whole, {{-1, 2}, {0, 2}, {0, 2}}), ContractError);
    BOOST_CHECK_THROW(paste(whole, {{0, 1}, {0, 2}, {0, 2}}, numbered({1, 2, 2, 2})), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()
