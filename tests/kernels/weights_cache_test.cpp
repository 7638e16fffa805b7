#include "kernels/weights_cache.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hdf5/file.hpp"
#include "kernels/host.hpp"
#include "kernels/packed_network.hpp"
#include "networks.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"

using namespace skipstone;
using namespace skipstone::kernels;
namespace fs = std::filesystem;

namespace {

// A network whose packed weights are kept in a cache folder of the test's own.
struct Fixture {
    Fixture() { use_cache(folder.file("cache")); }
    ~Fixture() { use_cache("off"); }

    static void use_cache(std::string const& place) { ::setenv("SKIPSTONE_CACHE", place.c_str(), 1); }

    PackedNetwork pack(std::uint64_t seed = 5) const {
        return PackedNetwork::alone(network, layout, {std::nullopt, seed});
    }
    std::vector<float> logits(std::uint64_t seed = 5) const {
        auto const packed_network = pack(seed);
        auto kernels = packed_network.make_kernels();
        auto tensor = random_tensor(network.input_shape(), 3);
        for (std::size_t b = 0; b < network.size(); ++b)
            tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
        return {tensor.values().begin(), tensor.values().end()};
    }
    std::vector<fs::path> files() const {
        std::vector<fs::path> all;
        if (fs::exists(folder.path / "cache" / "weights"))
            for (auto const& entry : fs::directory_iterator(folder.path / "cache" / "weights"))
                all.push_back(entry.path());
        return all;
    }
    fs::path file() const {
        auto const all = files();
        auto const found = std::ranges::find(all, ".packed", &fs::path::extension);
        BOOST_TEST_REQUIRE((found != all.end()));
        return *found;
    }
    void write(std::string const& to, std::uint64_t seed) const {
        auto file = hdf5::File::create(to);
        file.write_string("network", network.name());
        file.write_integer("input_size", network.input_shape().h);
        file.write_doubles("input_mean", std::array{0.0, 0.0, 0.0});
        file.write_doubles("input_std", std::array{1.0, 1.0, 1.0});
        file.write_integer("classes", network.classes());
        HeWeights source(network, seed);
        for (auto const& tensor : network.weight_tensors()) {
            auto const values = source.read(tensor.name);
            file.create_floats(tensor.name, {values.shape.begin(), values.shape.end()}, values.values,
                               hdf5::FloatWidth::single);
        }
        file.close();
    }
    // Whether the file is what the weights of this seed are packed to.
    bool is_right(fs::path const& path, std::uint64_t seed = 5) const {
        HeWeights source(network, seed);
        auto const expected = packed(network, layout, source);
        std::ifstream stream(path, std::ios::binary);
        std::vector<char> found(expected.size());
        stream.read(found.data(), static_cast<std::streamsize>(found.size()));
        return stream && std::ranges::equal(std::as_bytes(std::span(found)), expected.bytes());
    }

    Folder folder;
    Network network{resnet20()};
    PackLayout layout{network};
};

void flip_byte(fs::path const& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    auto const byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
}

void let_its_times_settle() {
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(weights_cache, Fixture)

BOOST_AUTO_TEST_CASE(keeps_what_was_packed_and_gives_the_same_bits) {
    use_cache("off");
    auto const expected = logits();
    BOOST_TEST(files().empty());
    use_cache(folder.file("cache"));
    BOOST_TEST((logits() == expected));
    BOOST_TEST(is_right(file()));
    auto const written = fs::last_write_time(file());
    BOOST_TEST((logits() == expected));
    BOOST_TEST((fs::last_write_time(file()) == written));
    BOOST_TEST(files().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_file_under_a_wrong_name_is_not_taken) {
    pack();
    auto const expected = logits();
    auto const other = logits(6);
    BOOST_TEST((other != expected));
    auto const all = files();
    BOOST_TEST_REQUIRE(all.size() == 2u);
    auto const mine = is_right(all[0]) ? all[0] : all[1];
    auto const others = mine == all[0] ? all[1] : all[0];
    fs::copy_file(others, mine, fs::copy_options::overwrite_existing);
    BOOST_TEST((logits() == expected));
    BOOST_TEST(is_right(mine));
}

BOOST_AUTO_TEST_CASE(damaged_files_are_ignored_and_replaced) {
    auto const expected = logits();
    auto const path = file();
    auto const size = fs::file_size(path);
    using Damage = std::function<void()>;
    std::vector<Damage> const damages{
        [&] { flip_byte(path, 0); },
        [&] { flip_byte(path, static_cast<std::streamoff>(layout.bytes() / 2)); },
        [&] { flip_byte(path, static_cast<std::streamoff>(layout.bytes()) + 10); },
        [&] { flip_byte(path, static_cast<std::streamoff>(size) - 2); },
        [&] { fs::resize_file(path, size / 2); },
        [&] { fs::resize_file(path, 0); },
        [&] { fs::resize_file(path, size + 1); },
        [&] {
            fs::resize_file(path, 0);
            fs::resize_file(path, size);
        },
    };
    for (auto const& damage : damages) {
        damage();
        BOOST_TEST((logits() == expected));
        BOOST_TEST(is_right(path));
    }
}

BOOST_AUTO_TEST_CASE(damage_shows_after_the_file_was_checked_too) {
    auto const expected = logits();
    let_its_times_settle();
    BOOST_TEST((logits() == expected));
    BOOST_TEST(files().size() == 2u);  // KEY.packed and KEY.checked
    auto const path = file();
    auto const written = fs::last_write_time(path);
    flip_byte(path, 1000);
    fs::last_write_time(path, written);  // as an attacker would
    BOOST_TEST((logits() == expected));
    BOOST_TEST(is_right(path));
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_ignored) {
    auto const expected = logits();
    auto const path = file();
    fs::remove(path);
    fs::create_directory(path);
    BOOST_TEST((logits() == expected));
    fs::remove(path);
    fs::create_symlink("/dev/zero", path);
    BOOST_TEST((logits() == expected));
    BOOST_TEST(is_right(path));
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_does_no_harm) {
    auto const expected = logits();
    for (std::string const place : {"/proc/none", "/dev/null", "/dev/null/cache"}) {
        use_cache(place);
        BOOST_TEST((logits() == expected));
    }
}

BOOST_AUTO_TEST_CASE(what_is_kept_was_hashed_whatever_happens_to_the_file_meanwhile) {
    auto const link = folder.file("weights.h5"), one = folder.file("1.h5"), two = folder.file("2.h5");
    write(one, 1);
    write(two, 2);
    let_its_times_settle();
    fs::create_symlink(one, link);
    auto const flip = [&](std::stop_token const& stop) {
        for (bool to_two = true; !stop.stop_requested(); to_two = !to_two) {
            fs::create_symlink(to_two ? two : one, folder.file("next"));
            fs::rename(folder.file("next"), link);
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    };
    int refused = 0;
    for (int i = 0; i < 60; ++i) {
        fs::remove_all(folder.path / "cache" / "weights");
        std::jthread flips(flip);
        try {
            PackedNetwork::alone(network, layout, {link, 0});
        } catch (InputError const& error) {
            BOOST_TEST(std::string(error.what()).find("was changed while it was read") != std::string::npos);
            ++refused;
        }
        flips.request_stop();
        flips.join();
        // Whatever was kept under the name of either file's hash is right.
        for (auto const& [file, seed] : {std::pair(one, 1), std::pair(two, 2)}) {
            auto const kept =
                CachedWeights::of(layout, CachedWeights::Kind::trained, "sha256 " + remembered_sha256(file));
            if (fs::exists(kept->file())) BOOST_TEST_REQUIRE(is_right(kept->file(), static_cast<std::uint64_t>(seed)));
        }
    }
    BOOST_TEST(refused > 0);
}

BOOST_AUTO_TEST_CASE(weights_that_are_not_those_first_looked_at_are_refused) {
    auto const path = folder.file("weights.h5");
    write(path, 1);
    auto const first = remembered_sha256(path);
    BOOST_CHECK_NO_THROW(PackedNetwork::alone(network, layout, {path, 0, first}));
    write(path, 2);
    BOOST_CHECK_EXCEPTION(PackedNetwork::alone(network, layout, {path, 0, first}), InputError, [](auto const& error) {
        return std::string(error.what()).find("was changed while it was read") != std::string::npos;
    });
    BOOST_TEST(std::ranges::count(files(), ".packed", &fs::path::extension) == 1);
}

BOOST_AUTO_TEST_CASE(weights_of_a_file_are_packed_anew_when_it_changes) {
    auto const path = folder.file("weights.h5"), original = folder.file("1.h5"), other = folder.file("2.h5");
    // HDF5 files say when they were written: the same weights, written a second later, are other bytes.
    write(original, 1);
    write(other, 2);
    auto const becomes = [&](std::string const& contents) {
        fs::copy_file(contents, path, fs::copy_options::overwrite_existing);
    };
    auto const bytes_are_of = [&](std::uint64_t seed) {
        PackedNetwork::alone(network, layout, {path, 0});
        return std::ranges::count_if(
            files(), [&](fs::path const& kept) { return kept.extension() == ".packed" && is_right(kept, seed); });
    };
    becomes(original);
    BOOST_TEST(bytes_are_of(1) == 1);
    becomes(other);
    BOOST_TEST(bytes_are_of(2) == 1);
    becomes(original);
    BOOST_TEST(bytes_are_of(1) == 1);
    BOOST_TEST(std::ranges::count(files(), ".packed", &fs::path::extension) == 2);
}

BOOST_AUTO_TEST_CASE(what_was_not_used_for_the_longest_time_goes_first) {
    fs::create_directories(folder.path / "cache" / "weights");
    auto const old = [&](std::string const& name, std::uintmax_t bytes, int hours) {
        auto const path = folder.path / "cache" / "weights" / name;
        std::ofstream(path).put('x');
        fs::resize_file(path, bytes);  // without taking room on the disk
        fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(hours));
        return path;
    };
    auto const first = old("first.packed", 900'000'000, 5);
    auto const second = old("second.packed", 900'000'000, 4);
    auto const third = old("third.packed", 900'000'000, 3);
    auto const left = old("left.GT5ac1", 1000, 2), young = old("young.GT5ac1", 1000, 0);
    auto const used = old("first.checked", 10, 1);
    BOOST_TEST_REQUIRE(CachedWeights::of(layout, CachedWeights::Kind::random, "a").has_value());
    HeWeights source(network, 1);
    auto const memory = packed(network, layout, source);
    CachedWeights::of(layout, CachedWeights::Kind::random, "a")->keep(memory.bytes());
    BOOST_TEST(fs::exists(second));  // random weights push nothing out
    BOOST_TEST(!CachedWeights::of(layout, CachedWeights::Kind::random, "a")->open().has_value());
    CachedWeights::of(layout, CachedWeights::Kind::trained, "a")->keep(memory.bytes());
    BOOST_TEST(CachedWeights::of(layout, CachedWeights::Kind::trained, "a")->open().has_value());
    BOOST_TEST(fs::exists(first));
    BOOST_TEST(!fs::exists(second));
    BOOST_TEST(fs::exists(third));
    BOOST_TEST(fs::exists(used));
    BOOST_TEST(!fs::exists(left));
    BOOST_TEST(fs::exists(young));
}

BOOST_AUTO_TEST_CASE(writers_at_the_same_time_do_not_disturb_each_other) {
    auto const expected = logits();
    for (int round = 0; round < 5; ++round) {
        fs::remove_all(folder.path / "cache");
        std::vector<int> wrong(4);
        {
            std::vector<std::jthread> threads;
            for (auto& mine : wrong)
                threads.emplace_back([&] {
                    use_threads(1);
                    for (int i = 0; i < 3; ++i) mine += logits() != expected;
                });
        }
        BOOST_TEST((wrong == std::vector<int>(4)));
        BOOST_TEST(files().size() == 1u);
        BOOST_TEST(is_right(file()));
    }
}

BOOST_AUTO_TEST_SUITE_END()
