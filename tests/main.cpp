#define BOOST_TEST_MODULE skipstone
#include <boost/test/unit_test.hpp>
