// What a page holds: all of a small trace, the chosen rounds of a larger one, and text that stays text.
#include "analysis/page.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "analysis/analyze.hpp"
#include "tests/trace/sample.hpp"
#include "trace/reader.hpp"

using namespace skipstone;
using namespace skipstone::trace;

namespace {

std::string page_of(std::string const& path, analysis::PageOptions const& options = {}) {
    Reader const trace(path);
    std::ostringstream out;
    analysis::write_page(out, analysis::analyze(trace), trace, options);
    return out.str();
}

nlohmann::json data_of(std::string const& page) {
    std::string const begin = "<script type=\"application/json\" id=\"data\">";
    auto const from = page.find(begin) + begin.size();
    return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

// The sample's rounds with their events in the order of their begin, as a run writes them.
std::vector<RoundRecord> records_of(std::int32_t rounds) {
    auto records = sample::records(rounds);
    for (auto& record : records) std::ranges::stable_sort(record.events, {}, &Event::begin_s);
    return records;
}

// Rounds that some rows of the page belong to.
std::set<int> rounds_of(nlohmann::json const& rows) {
    std::set<int> rounds;
    for (auto const& row : rows) rounds.insert(row.at("round").get<int>());
    return rounds;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(page, sample::Folder)

BOOST_AUTO_TEST_CASE(holds_all_of_a_small_trace) {
    auto const records = records_of(5);
    auto const data = data_of(page_of(sample::write(file("t.h5"), sample::header(), records)));
    BOOST_TEST(data.at("rounds").size() == 5U);
    BOOST_TEST(data.at("blocks") == nlohmann::json({"b0", "b1", "b2"}));
    BOOST_TEST(data.at("stages") == nlohmann::json({1, 2, 3}));
    std::size_t events = 0, requests = 0;
    for (auto const& record : records) {
        events += record.events.size();
        requests += record.requests.size();
    }
    BOOST_TEST(data.at("events").at("begin_s").size() == events);
    BOOST_TEST(data.at("requests").size() == requests);
    BOOST_TEST(data.at("requests")[1].at("devices") == nlohmann::json({2, 2, 2}));
    BOOST_TEST(data.at("requests")[1].at("modes") == nlohmann::json({1, 2, 1}));
    BOOST_TEST(data.at("requests")[2].at("devices").is_null());
    BOOST_TEST(data.at("batteries").at("devices")[2].at("left_j") ==
               nlohmann::json({149.0, 111.0, 73.0, 35.0, 0.0, 0.0}));
    BOOST_TEST(data.at("outages")[0].at("begin_s") == 37.0);
    // 2.6 s in each of five rounds, 4 s in the first four.
    auto const& latencies = data.at("latencies");
    long counted = 0;
    for (auto const& dot : latencies.at("accuracy")) counted += dot.at("requests").get<long>();
    BOOST_TEST(counted == 9);
    BOOST_TEST(latencies.at("counts").front() == 5);
    BOOST_TEST(latencies.at("counts").back() == 4);
}

BOOST_AUTO_TEST_CASE(holds_the_first_the_last_and_the_slowest_rounds_of_a_large_one) {
    auto records = records_of(30);
    for (std::int32_t const slow : {17, 5}) {
        auto& request = records[static_cast<std::size_t>(slow)].requests[0];
        request.latency_s = 3 + slow;
        request.finish_s = request.arrival_s + request.latency_s;
    }
    auto const large = sample::write(file("t.h5"), sample::header(), records);
    // The first round has 8 events and 3 requests, each of the others chosen 5 and 3: 12 + 3 * 9 rows, rounds included.
    auto const data = data_of(page_of(large, {40}));
    std::set<int> const expected{0, 5, 17, 29};
    BOOST_TEST((rounds_of(data.at("rounds")) == expected));
    BOOST_TEST((rounds_of(data.at("requests")) == expected));
    BOOST_TEST(data.at("trace").at("rounds") == 30);
    BOOST_TEST(data.at("batteries").at("rounds").size() == 31U);

    auto const tiny = data_of(page_of(large, {4}));
    BOOST_TEST((rounds_of(tiny.at("rounds")) == std::set<int>{0}));
    BOOST_TEST(tiny.at("events").at("begin_s").size() == 4U);
}

BOOST_AUTO_TEST_CASE(keeps_text_of_the_trace_from_being_markup) {
    auto header = sample::header();
    header.devices[0].name = "</script><b>&";
    header.devices[1].name = "\xff broken UTF-8";
    auto const page = page_of(sample::write(file("t.h5"), header, records_of(1)));
    BOOST_TEST(page.find("</script><b>") == std::string::npos);
    BOOST_TEST(data_of(page).at("devices")[0].at("name") == "</script><b>&");
    BOOST_TEST(page.ends_with("</html>\n"));
}

BOOST_AUTO_TEST_SUITE_END()
