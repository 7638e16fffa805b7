#include "units/error.hpp"

#include <boost/test/unit_test.hpp>

namespace skipstone {

BOOST_AUTO_TEST_SUITE(error)

BOOST_AUTO_TEST_CASE(messages_cannot_steer_a_terminal) {
    InputError const error({"a\x1b]0;x\x07.toml", 3, "k\x7f"},
                           "is \xc2\x9b"
                           "2J, a\r\nb\tü");
    BOOST_TEST(error.what() == "a\\x1b]0;x\\x07.toml:3: k\\x7f: is \\x9b2J, a\\x0d\nb\tü");
    BOOST_TEST(InputError("\b").what() == "\\x08");
    BOOST_TEST(EnvironmentError("open(\x1b)", "no").what() == "open(\\x1b): no");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone
