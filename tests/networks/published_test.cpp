#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "config/profiles.hpp"
#include "model/network.hpp"

using namespace skipstone;
using namespace skipstone::config;

// What networks cost, worked out from the tables of the papers that their profiles name, and what was published.
namespace {

Network shipped(std::string const& name) {
    return Network(load_network_profile(name, {{std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "profiles"}, {}}));
}

// What is trained: the statistics of batch normalisation are not counted, nor do papers count them.
std::int64_t parameters(Network const& network) {
    std::size_t all = 0;
    for (auto const& tensor : network.weight_tensors())
        if (!tensor.name.ends_with(".running_mean") && !tensor.name.ends_with(".running_var")) all += tensor.elements();
    return static_cast<std::int64_t>(all);
}

struct Count {
    std::int64_t macs = 0, parameters = 0;

    // A convolution k_h x k_w of n_in to n_out channels that gives `pixels` pixels; `extra` parameters per channel: 1
    // for a bias, 2 for batch normalisation's scale and shift.
    void convolution(std::int64_t window, std::int64_t inputs, std::int64_t outputs, std::int64_t pixels, int extra,
                     std::int64_t groups = 1) {
        macs += window * (inputs / groups) * outputs * pixels;
        parameters += window * (inputs / groups) * outputs + extra * outputs;
    }
    void connected(std::int64_t inputs, std::int64_t outputs) { convolution(1, inputs, outputs, 1, 1); }
};

void check(std::string const& name, Count const& counted, std::int64_t macs, std::int64_t parameters_published) {
    auto const network = shipped(name);
    BOOST_TEST(network.name() == name);
    BOOST_TEST(counted.macs == macs, name << " counted by hand: " << counted.macs);
    BOOST_TEST(counted.parameters == parameters_published, name << " counted by hand: " << counted.parameters);
    BOOST_TEST(network.total_macs().value() == macs, name << ": " << network.total_macs().value());
    BOOST_TEST(parameters(network) == parameters_published, name << ": " << parameters(network));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(published)

// Parameters: Krizhevsky et al. 2012, abstract: "60 million"; exactly those of Caffe's bvlc_alexnet. MACs: 724 M, as in
// Sze, Chen, Yang, Emer, "Efficient processing of deep neural networks", Proc. IEEE 2017, Table 2.
BOOST_AUTO_TEST_CASE(alexnet_of_2012) {
    Count count;
    count.convolution(11 * 11, 3, 96, 55 * 55, 1);
    count.convolution(5 * 5, 96, 256, 27 * 27, 1, 2);
    count.convolution(3 * 3, 256, 384, 13 * 13, 1);
    count.convolution(3 * 3, 384, 384, 13 * 13, 1, 2);
    count.convolution(3 * 3, 384, 256, 13 * 13, 1, 2);
    count.connected(6 * 6 * 256, 4096);
    count.connected(4096, 4096);
    count.connected(4096, 1000);
    check("alexnet", count, 724'406'816, 60'965'224);
}

// torchvision's documentation: 61,100,840 parameters, 0.71 GFLOPS (MACs).
BOOST_AUTO_TEST_CASE(alexnet_of_2014) {
    Count count;
    count.convolution(11 * 11, 3, 64, 55 * 55, 1);
    count.convolution(5 * 5, 64, 192, 27 * 27, 1);
    count.convolution(3 * 3, 192, 384, 13 * 13, 1);
    count.convolution(3 * 3, 384, 256, 13 * 13, 1);
    count.convolution(3 * 3, 256, 256, 13 * 13, 1);
    count.connected(6 * 6 * 256, 4096);
    count.connected(4096, 4096);
    count.connected(4096, 1000);
    check("alexnet-2014", count, 714'188'480, 61'100'840);
}

// Simonyan and Zisserman, Table 2: 133, 133, 138 and 144 million parameters; exactly as in torchvision's documentation,
// whose MACs are 7.61, 11.31, 15.47 and 19.63 G.
BOOST_AUTO_TEST_CASE(vgg) {
    struct Known {
        std::string name;
        std::array<int, 5> convolutions;
        std::int64_t macs, parameters;
    };
    for (auto const& known : {Known{"vgg11", {1, 1, 2, 2, 2}, 7'609'090'048, 132'863'336},
                              Known{"vgg13", {2, 2, 2, 2, 2}, 11'308'466'176, 133'047'848},
                              Known{"vgg16", {2, 2, 3, 3, 3}, 15'470'264'320, 138'357'544},
                              Known{"vgg19", {2, 2, 4, 4, 4}, 19'632'062'464, 143'667'240}}) {
        Count count;
        std::int64_t inputs = 3, size = 224;
        std::array<std::int64_t, 5> const channels{64, 128, 256, 512, 512};
        for (std::size_t stage = 0; stage < 5; ++stage, size /= 2)
            for (int i = 0; i < known.convolutions[stage]; ++i) {
                count.convolution(3 * 3, inputs, channels[stage], size * size, 1);
                inputs = channels[stage];
            }
        count.connected(7 * 7 * 512, 4096);
        count.connected(4096, 4096);
        count.connected(4096, 1000);
        check(known.name, count, known.macs, known.parameters);
    }
}

// Howard et al., Table 4 and 8: 569 million MACs, 4.2 million parameters; Keras counts 4,231,976 that are trained.
BOOST_AUTO_TEST_CASE(mobilenet_v1) {
    Count count;
    count.convolution(9, 3, 32, 112 * 112, 2);
    std::int64_t inputs = 32, size = 112;
    struct Pair {
        int stride;
        std::int64_t outputs;
    };
    for (auto const& [stride, outputs] : {Pair{1, 64},
                                          {2, 128},
                                          {1, 128},
                                          {2, 256},
                                          {1, 256},
                                          {2, 512},
                                          {1, 512},
                                          {1, 512},
                                          {1, 512},
                                          {1, 512},
                                          {1, 512},
                                          {2, 1024},
                                          {1, 1024}}) {
        size /= stride;
        count.convolution(9, inputs, inputs, size * size, 2, inputs);
        count.convolution(1, inputs, outputs, size * size, 2);
        inputs = outputs;
    }
    count.connected(1024, 1000);
    check("mobilenet-v1", count, 568'740'352, 4'231'976);
}

// Sandler et al., Table 4: 300 million MACs, and 3.4 million parameters where torchvision counts these 3,504,872.
BOOST_AUTO_TEST_CASE(mobilenet_v2) {
    Count count;
    count.convolution(9, 3, 32, 112 * 112, 2);
    std::int64_t inputs = 32, size = 112;
    struct Row {
        std::int64_t expansion, outputs;
        int repetitions, stride;
    };
    for (auto const& row : {Row{1, 16, 1, 1}, Row{6, 24, 2, 2}, Row{6, 32, 3, 2}, Row{6, 64, 4, 2}, Row{6, 96, 3, 1},
                            Row{6, 160, 3, 2}, Row{6, 320, 1, 1}})
        for (int i = 0; i < row.repetitions; ++i) {
            auto const inner = inputs * row.expansion;
            if (row.expansion > 1) count.convolution(1, inputs, inner, size * size, 2);
            if (i == 0) size /= row.stride;
            count.convolution(9, inner, inner, size * size, 2, inner);
            count.convolution(1, inner, row.outputs, size * size, 2);
            inputs = row.outputs;
        }
    count.convolution(1, 320, 1280, 7 * 7, 2);
    count.connected(1280, 1000);
    check("mobilenet-v2", count, 300'774'272, 3'504'872);
}

// Chollet, Table 3: 22,855,952 parameters (those that are trained). No MACs are in the paper; timm's table of results
// has 8.4 G.
BOOST_AUTO_TEST_CASE(xception) {
    Count count;
    auto const separable = [&](std::int64_t inputs, std::int64_t outputs, std::int64_t size) {
        count.convolution(9, inputs, inputs, size * size, 0, inputs);
        count.convolution(1, inputs, outputs, size * size, 2);
    };
    count.convolution(9, 3, 32, 149 * 149, 2);
    count.convolution(9, 32, 64, 147 * 147, 2);
    std::int64_t inputs = 64, size = 147;
    for (std::int64_t const outputs : {128, 256, 728}) {
        separable(inputs, outputs, size);
        separable(outputs, outputs, size);
        size = (size + 1) / 2;
        count.convolution(1, inputs, outputs, size * size, 2);
        inputs = outputs;
    }
    for (int i = 0; i < 8 * 3; ++i) separable(728, 728, 19);
    separable(728, 728, 19);
    separable(728, 1024, 19);
    count.convolution(1, 728, 1024, 10 * 10, 2);
    separable(1024, 1536, 10);
    separable(1536, 2048, 10);
    count.connected(2048, 1000);
    check("xception", count, count.macs, 22'855'952);
    BOOST_TEST(std::abs(static_cast<double>(count.macs) - 8.4e9) < 0.05e9, count.macs);
}

// As it is usually rebuilt; the paper's own has 60,000: its C3 reads some of the channels only, and its output has none
// that are trained.
BOOST_AUTO_TEST_CASE(lenet_5) {
    Count count;
    count.convolution(25, 1, 6, 28 * 28, 1);
    count.convolution(25, 6, 16, 10 * 10, 1);
    count.convolution(25, 16, 120, 1, 1);
    count.connected(120, 84);
    count.connected(84, 10);
    check("lenet-5", count, 416'520, 61'706);
}

// Springenberg et al., Table 3: 1.4 million parameters.
BOOST_AUTO_TEST_CASE(all_cnn_c) {
    Count count;
    count.convolution(9, 3, 96, 32 * 32, 1);
    count.convolution(9, 96, 96, 32 * 32, 1);
    count.convolution(9, 96, 96, 16 * 16, 1);
    count.convolution(9, 96, 192, 16 * 16, 1);
    count.convolution(9, 192, 192, 16 * 16, 1);
    count.convolution(9, 192, 192, 8 * 8, 1);
    count.convolution(9, 192, 192, 6 * 6, 1);
    count.convolution(1, 192, 192, 6 * 6, 1);
    count.convolution(1, 192, 10, 6 * 6, 1);
    check("all-cnn-c", count, count.macs, 1'369'738);
}

// Layers as in Chatfield et al., Table 1; their pools round up.
BOOST_AUTO_TEST_CASE(cnn_m_2048) {
    Count count;
    count.convolution(49, 3, 96, 109 * 109, 1);
    count.convolution(25, 96, 256, 26 * 26, 1);
    count.convolution(9, 256, 512, 13 * 13, 1);
    count.convolution(9, 512, 512, 13 * 13, 1);
    count.convolution(9, 512, 512, 13 * 13, 1);
    count.connected(6 * 6 * 512, 4096);
    count.connected(4096, 2048);
    count.connected(2048, 1000);
    check("cnn-m-2048", count, count.macs, count.parameters);
}

// Zhang et al., Table 4: 5.4 million operations, two for each MAC.
BOOST_AUTO_TEST_CASE(ds_cnn) {
    Count count;
    std::int64_t const pixels = 25 * 5;
    count.convolution(10 * 4, 1, 64, pixels, 2);
    for (int i = 0; i < 4; ++i) {
        count.convolution(9, 64, 64, pixels, 2, 64);
        count.convolution(1, 64, 64, pixels, 2);
    }
    count.connected(64, 12);
    check("ds-cnn", count, 2'656'768, count.parameters);
}

BOOST_AUTO_TEST_SUITE_END()
