#include "study/journal.hpp"

#include <boost/test/unit_test.hpp>
#include <memory>

#include "tests/study/support.hpp"
#include "units/error.hpp"

namespace skipstone::study {

namespace {

Identity const inputs{{"weights", "abc"}, {"batch", "32"}};

std::string error_of(std::string const& file, Identity const& identity) {
    try {
        Journal const journal(file, identity, Journal::Start::resume);
    } catch (InputError const& error) {
        return error.what();
    }
    return "none";
}

struct Written {
    Folder folder;
    std::string file = folder.file("t.toml.journal");

    Written() {
        Journal journal(file, inputs, Journal::Start::resume);
        journal.add(0, 7, {1, 2, 3});
        journal.add(1, 0, {4});
        journal.add(0, 2, {});
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(journal)

BOOST_FIXTURE_TEST_CASE(what_was_added_is_there_again, Written) {
    Journal const again(file, inputs, Journal::Start::resume);
    BOOST_TEST(again.size() == 3U);
    BOOST_CHECK(again.batches(0) == (std::map<std::size_t, Predictions>{{2, {}}, {7, {1, 2, 3}}}));
    BOOST_CHECK(again.batches(1) == (std::map<std::size_t, Predictions>{{0, {4}}}));
    BOOST_TEST(again.batches(2).empty());
}

BOOST_FIXTURE_TEST_CASE(a_torn_end_is_cut_off_wherever_it_was_torn, Written) {
    auto const whole = read(file);
    constexpr std::size_t last = 3 * 4 + 8;  // bytes of a batch without predictions
    for (std::size_t torn = 1; torn <= last; ++torn) {
        folder.write("t.toml.journal", whole.substr(0, whole.size() - torn));
        {
            Journal again(file, inputs, Journal::Start::resume);
            BOOST_TEST(again.size() == 2U);
            again.add(0, 2, {});
        }
        BOOST_TEST((read(file) == whole));
    }
}

BOOST_FIXTURE_TEST_CASE(a_damaged_batch_and_what_follows_is_left_out, Written) {
    auto text = read(file);
    text[text.size() - 30] ^= 1;  // in the second batch
    folder.write("t.toml.journal", text);
    BOOST_TEST(Journal(file, inputs, Journal::Start::resume).size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(other_inputs_are_refused_by_name, Written) {
    BOOST_TEST(error_of(file, {{"weights", "abd"}, {"batch", "32"}}) ==
               file +
                   ": holds the finished batches of a study with other inputs: weights was abc, now it is abd; give "
                   "the same inputs to go on with it, or --restart to forget it");
    BOOST_TEST(error_of(file, {{"weights", "abc"}, {"batch", "8"}}).find("batch was 32, now it is 8") !=
               std::string::npos);
    BOOST_TEST(error_of(file, {{"weights", "abc"}}).find("other inputs") != std::string::npos);
    BOOST_TEST(Journal(file, inputs, Journal::Start::resume).size() == 3U);  // untouched
}

BOOST_FIXTURE_TEST_CASE(a_new_start_forgets, Written) {
    BOOST_TEST(Journal(file, {{"batch", "8"}}, Journal::Start::anew).size() == 0U);
}

BOOST_FIXTURE_TEST_CASE(one_process_at_a_time, Written) {
    Journal const first(file, inputs, Journal::Start::resume);
    BOOST_TEST(error_of(file, inputs).find("is in use") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_of_another_kind_stays_what_it_is) {
    Folder const folder;
    auto const file = folder.write("t.toml.journal", "my notes, which are dear to me\n");
    BOOST_TEST(error_of(file, inputs).find("is no journal of a study") != std::string::npos);
    BOOST_TEST(read(file) == "my notes, which are dear to me\n");
}

BOOST_AUTO_TEST_CASE(without_a_batch_nothing_stays_behind) {
    Folder const folder;
    auto const file = folder.file("t.toml.journal");
    std::make_unique<Journal>(file, inputs, Journal::Start::resume).reset();
    BOOST_TEST(!std::filesystem::exists(file));
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_not_there_is_an_error_of_the_users) {
    BOOST_TEST(error_of("/nowhere/t.toml.journal", inputs).find("cannot be written") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::study
