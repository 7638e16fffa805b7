#include <hdf5.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

#include "hdf5/file.hpp"
#include "units/error.hpp"

namespace skipstone::hdf5 {

namespace {

// A file of a few kilobytes that claims a dataset of any extent.
struct Claim {
    std::string path =
        (std::filesystem::temp_directory_path() / ("skipstone_claim_" + std::to_string(::getpid()) + ".h5")).string();

    Claim(std::vector<hsize_t> const& extent, std::vector<hsize_t> const& chunk) {
        hid_t const file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        auto const rank = static_cast<int>(extent.size());
        hid_t const space = H5Screate_simple(rank, extent.data(), nullptr);
        hid_t const list = H5Pcreate(H5P_DATASET_CREATE);
        if (!chunk.empty()) H5Pset_chunk(list, rank, chunk.data());
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_LATE);
        hid_t const dataset = H5Dcreate2(file, "claim", H5T_IEEE_F64LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
        BOOST_REQUIRE(dataset >= 0);
        H5Dclose(dataset);
        H5Pclose(list);
        H5Sclose(space);
        H5Fclose(file);
    }
    Claim(Claim const&) = delete;
    Claim& operator=(Claim const&) = delete;
    ~Claim() { std::filesystem::remove(path); }
};

bool is_believed(Claim const& claim) try {
    File::open(claim.path, Access::read).dataset("claim");
    return true;
} catch (InputError const& error) {
    BOOST_TEST(std::string(error.what()).find("claims more elements than a file of") != std::string::npos);
    return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(claims)

BOOST_AUTO_TEST_CASE(a_dataset_that_the_file_can_hold_is_believed) {
    BOOST_TEST(is_believed(Claim({1000}, {100})));
    BOOST_TEST(is_believed(Claim({0}, {100})));
}

BOOST_AUTO_TEST_CASE(a_small_file_cannot_hold_a_huge_dataset) {
    BOOST_TEST(!is_believed(Claim({hsize_t{1} << 40}, {100})));
    BOOST_TEST(!is_believed(Claim({hsize_t{1} << 32, hsize_t{1} << 31}, {10, 10})));  // 2^64 bytes and more
    BOOST_TEST(!is_believed(Claim({hsize_t{1} << 30}, {})));
}

BOOST_AUTO_TEST_CASE(nor_one_huge_chunk) {
    BOOST_TEST(!is_believed(Claim({hsize_t{1} << 28}, {hsize_t{1} << 28})));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::hdf5
