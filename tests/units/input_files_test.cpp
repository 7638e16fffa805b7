#include "units/input_files.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "units/error.hpp"
#include "units/output_file.hpp"

using namespace skipstone;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "skipstone-inputs-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    fs::path write(char const* name) const {
        std::ofstream(path / name) << name;
        return path / name;
    }
    fs::path path;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(input_files, Folder)

BOOST_AUTO_TEST_CASE(an_input_is_known_under_every_name) {
    auto const input = write("input");
    fs::create_symlink("input", path / "soft");
    fs::create_hard_link(input, path / "hard");
    fs::create_directory(path / "sub");
    remember_input(path / "soft");
    for (auto const& name : {input, path / "soft", path / "hard", path / "sub" / ".." / "input"}) {
        BOOST_CHECK_THROW(refuse_to_replace_input(name), InputError);
        BOOST_CHECK_THROW(write_file(name, "gone"), InputError);
    }
    BOOST_TEST(fs::file_size(input) == 5U);
    refuse_to_replace_input(write("other"));
    refuse_to_replace_input(path / "none");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_gone_protects_no_other_with_its_inode) {
    auto const input = write("input");
    remember_input(input);
    fs::rename(input, path / "moved");
    refuse_to_replace_input(path / "moved");
}

BOOST_AUTO_TEST_CASE(files_of_a_protected_folder_are_kept_and_new_ones_allowed) {
    fs::create_directory(path / "profiles");
    auto const profile = write("profiles/a.toml");
    fs::create_directory_symlink("profiles", path / "link");
    protect_folder(path / "link");
    BOOST_CHECK_THROW(write_file(profile, "gone"), InputError);
    BOOST_CHECK_THROW(write_file(path / "link/a.toml", "gone"), InputError);
    write_file(path / "profiles/b.toml", "new");
    refuse_to_replace_input(write("profiles-too"));
}

BOOST_AUTO_TEST_SUITE_END()
