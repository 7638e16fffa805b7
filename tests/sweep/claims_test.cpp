#include "sweep/claims.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>

#include "support.hpp"

namespace skipstone::sweep {

namespace {

constexpr char const* one = "00000000000000ff";
constexpr char const* other = "ffffffffffffffff";

BOOST_AUTO_TEST_CASE(gives_a_point_to_one_runner_alone) {
    test::ScratchFolder const folder;
    Claims mine(folder.path() / "claims"), theirs(folder.path() / "claims");
    BOOST_TEST(mine.work());
    BOOST_TEST(mine.take(one));
    BOOST_TEST(mine.take(one));
    BOOST_TEST(!theirs.take(one));
    BOOST_TEST(theirs.is_taken(one));
    BOOST_TEST(!mine.is_taken(one));
    BOOST_TEST(theirs.take(other));
    mine.release(one);
    BOOST_TEST(!theirs.is_taken(one));
    BOOST_TEST(theirs.take(one));
    BOOST_TEST(theirs.is_taken(one) == false);
    BOOST_TEST(mine.is_taken(one));
}

BOOST_AUTO_TEST_CASE(drops_a_claim_with_the_last_process_that_has_it) {
    test::ScratchFolder const folder;
    Claims const watching(folder.path() / "claims");
    pid_t child = 0;
    {
        Claims claims(folder.path() / "claims");
        BOOST_REQUIRE(claims.take(one));
        child = ::fork();
        if (child == 0) {
            ::pause();
            ::_exit(0);
        }
    }
    BOOST_TEST(watching.is_taken(one));  // the child shares it
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    BOOST_TEST(!watching.is_taken(one));
}

}  // namespace

}  // namespace skipstone::sweep
