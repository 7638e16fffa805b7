#include "sweep/points.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

namespace skipstone::sweep {

namespace {

Manifest manifest() {
    Manifest manifest;
    manifest.parameters = {"objective.alpha"};
    for (std::size_t i = 0; i < 3; ++i)
        manifest.points.push_back({i, std::string(15, 'a') + std::to_string(i), "p" + std::to_string(i), 7,
                                   {{std::to_string(i), static_cast<double>(i)}}, ClockKind::virtual_time});
    return manifest;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_manifest_agrees_with_points_of_which_some_are_not_resolved) {
    auto const whole = manifest();
    auto const text = manifest_text(whole);
    BOOST_TEST(agrees(text, whole));
    auto part = whole;
    part.points[0].id.clear();
    part.points[2].id.clear();
    BOOST_TEST(agrees(text, part));
    auto other = part;
    other.points[1].id[0] = 'b';  // a point that is another run now
    BOOST_TEST(!agrees(text, other));
    other = part;
    other.points[2].labels[0].text = "9";  // the sweep file has changed elsewhere
    BOOST_TEST(!agrees(text, other));
    other = part;
    other.points.pop_back();
    BOOST_TEST(!agrees(text, other));
    other = part;
    other.parameters[0] = "objective.beta";
    BOOST_TEST(!agrees(text, other));
    for (auto const& wrong : {std::string(), text.substr(0, text.size() - 1), text + "x", manifest_text(part)})
        BOOST_TEST(!agrees(wrong, part));
}

}  // namespace skipstone::sweep
