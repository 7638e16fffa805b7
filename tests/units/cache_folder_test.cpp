#include "units/cache_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

using skipstone::cache_folder;

namespace {

// The variables that decide, as a test wants them (nullptr: unset); as they were when it is over.
class Variables {
  public:
    Variables(char const* skipstone_cache, char const* xdg_cache_home, char const* home) {
        set("SKIPSTONE_CACHE", skipstone_cache);
        set("XDG_CACHE_HOME", xdg_cache_home);
        set("HOME", home);
    }
    Variables(Variables const&) = delete;
    Variables& operator=(Variables const&) = delete;
    ~Variables() {
        for (auto const& [name, value] : before_) put(name, value ? value->c_str() : nullptr);
    }

  private:
    void set(std::string const& name, char const* value) {
        auto const* const before = std::getenv(name.c_str());
        before_[name] = before == nullptr ? std::nullopt : std::optional<std::string>(before);
        put(name, value);
    }
    static void put(std::string const& name, char const* value) {
        if (value == nullptr)
            ::unsetenv(name.c_str());
        else
            ::setenv(name.c_str(), value, 1);
    }
    std::map<std::string, std::optional<std::string>> before_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(the_cache_folder)

BOOST_AUTO_TEST_CASE(is_what_the_most_specific_variable_says) {
    Variables const all("/a", "/b", "/c");
    BOOST_TEST(cache_folder()->string() == "/a");
    Variables const two(nullptr, "/b", "/c");
    BOOST_TEST(cache_folder()->string() == "/b/skipstone");
    Variables const one(nullptr, nullptr, "/c");
    BOOST_TEST(cache_folder()->string() == "/c/.cache/skipstone");
}

BOOST_AUTO_TEST_CASE(is_none_when_turned_off_or_without_a_home) {
    Variables const off("off", nullptr, "/c");
    BOOST_TEST(!cache_folder().has_value());
    Variables const homeless(nullptr, "relative", nullptr);
    BOOST_TEST(!cache_folder().has_value());
}

BOOST_AUTO_TEST_CASE(ignores_empty_variables) {
    Variables const empty("", "", "/c");
    BOOST_TEST(cache_folder()->string() == "/c/.cache/skipstone");
}

BOOST_AUTO_TEST_SUITE_END()
