#include "model/link_pairs.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "model/link.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

using namespace skipstone;

namespace {

using End = std::optional<DeviceId>;

DeviceId device(int value) {
    return DeviceId(static_cast<std::int32_t>(value));
}
LinkTraits with_rate(double bit_s) {
    return {.rate = BitRate(bit_s)};
}
LinkModel model_with(std::vector<LinkPairs::Entry> entries) {
    LinkModel model;
    model.pairs = std::make_shared<LinkPairs const>(std::move(entries));
    return model;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(link_pairs)

BOOST_AUTO_TEST_CASE(the_entry_that_names_more_devices_decides_trait_by_trait) {
    LinkPairs const pairs({{device(0), device(1), {.rate = BitRate(1)}},
                           {device(0), End(), {.rate = BitRate(2), .latency = Seconds(2)}},
                           {End(), device(1), {.jitter = Seconds(3)}},
                           {End(), End(), {.rate = BitRate(4), .latency = Seconds(4), .loss = 0.4}}});
    BOOST_TEST(
        (pairs.traits(device(0), device(1)) == LinkTraits{BitRate(1), Seconds(2), Seconds(3), 0.4, std::nullopt}));
    BOOST_TEST(
        (pairs.traits(device(0), device(2)) == LinkTraits{BitRate(2), Seconds(2), std::nullopt, 0.4, std::nullopt}));
    BOOST_TEST(
        (pairs.traits(device(2), device(1)) == LinkTraits{BitRate(4), Seconds(4), Seconds(3), 0.4, std::nullopt}));
    BOOST_TEST(
        (pairs.traits(device(1), device(0)) == LinkTraits{BitRate(4), Seconds(4), std::nullopt, 0.4, std::nullopt}));
}

BOOST_AUTO_TEST_CASE(a_pair_has_one_entry_and_is_of_two_devices) {
    BOOST_CHECK_THROW(LinkPairs({{device(1), device(1), with_rate(1)}}), ContractError);
    BOOST_CHECK_THROW(LinkPairs({{device(1), End(), with_rate(1)}, {device(1), End(), with_rate(2)}}), ContractError);
}

BOOST_AUTO_TEST_CASE(only_the_links_named_differ_from_those_drawn) {
    auto const model = model_with({{device(0), device(1), {.rate = BitRate(5e6), .efficiency = 0.5}},
                                   {device(2), device(0), {.rate = BitRate(0)}},
                                   {device(1), device(2), {.latency = Seconds(0.25), .loss = 0.2}}});
    auto const own = LinkTable::drawn(4, model, 7, RoundId(3));
    auto const plain = LinkTable::drawn(4, {}, 7, RoundId(3));
    BOOST_TEST(own.rate(device(0), device(1)).value() == 2.5e6);
    BOOST_TEST(own.rate(device(2), device(0)).value() == 0);
    BOOST_TEST(own.latency(device(1), device(2)).value() == 0.25);
    BOOST_TEST(own.own_loss(device(1), device(2)).value() == 0.2);
    BOOST_TEST(own.expected().rate(device(1), device(2)).value() == 0.8 * plain.rate(device(1), device(2)).value());
    BOOST_TEST(!own.expected().own_loss(device(1), device(2)).has_value());
    for (int from = 0; from < 4; ++from)
        for (int to = 0; to < 4; ++to) {
            if (from == to) continue;
            bool const named = (from == 0 && to == 1) || (from == 2 && to == 0);
            if (!named)
                BOOST_TEST(own.rate(device(from), device(to)).value() == plain.rate(device(from), device(to)).value());
            if (!(from == 1 && to == 2)) {
                BOOST_TEST(own.latency(device(from), device(to)).value() == 0);
                BOOST_TEST(!own.own_loss(device(from), device(to)).has_value());
            }
            BOOST_TEST(!own.own_jitter(device(from), device(to)).has_value());
        }
}

// Against looking at every pair of the fleet.
BOOST_AUTO_TEST_CASE(kinds_are_those_of_the_links_that_there_are) {
    RandomStream random(5, "kinds");
    for (int trial = 0; trial < 300; ++trial) {
        int const devices = 1 + static_cast<int>(random.below(4));
        std::map<std::pair<int, int>, LinkPairs::Entry> entries;
        double rate = 1;
        for (std::int64_t i = random.below(6); i > 0; --i) {
            auto const end = [&] { return static_cast<int>(random.below(devices + 1)) - 1; };
            int const from = end(), to = end();
            if (from == to && from >= 0) continue;
            auto const id = [&](int value) { return value < 0 ? End() : End(device(value)); };
            // A trait of its own for one-sided entries: two of them must not say different things of one link.
            LinkTraits traits;
            if (from >= 0 && to < 0)
                traits.latency = Seconds(rate++);
            else if (to >= 0 && from < 0)
                traits.jitter = Seconds(rate++);
            else
                traits.rate = BitRate(rate++);
            entries.insert_or_assign({from, to}, LinkPairs::Entry{id(from), id(to), traits});
        }
        std::vector<LinkPairs::Entry> list;
        for (auto const& [ends, entry] : entries) list.push_back(entry);
        LinkPairs const pairs(list);
        auto const found = pairs.kinds(static_cast<std::size_t>(devices));
        std::vector<LinkTraits> there;
        for (int from = 0; from < devices; ++from)
            for (int to = 0; to < devices; ++to)
                if (from != to) there.push_back(pairs.traits(device(from), device(to)));
        for (auto const& traits : found) BOOST_TEST((std::ranges::find(there, traits) != there.end()));
        for (auto const& traits : there) BOOST_TEST((std::ranges::find(found, traits) != found.end()));
    }
}

BOOST_AUTO_TEST_SUITE_END()
