#include "model/network.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "model/accuracy_table.hpp"
#include "tests/drawn_network.hpp"
#include "tests/network_profiles.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::test;

namespace {

std::int64_t macs(Network const& network, char const* block) {
    return network.block(*network.find(block)).macs.value();
}

long weighted_operators(Network const& network) {
    return std::ranges::count_if(network.graph().operators(), &Operator::is_weighted);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network)

// Costs as the paper prints them.
BOOST_AUTO_TEST_CASE(resnet50_costs_what_the_paper_prints) {
    Network const network(resnet50());
    BOOST_TEST(network.size() == 18);
    for (auto const& block : network.blocks())
        if (block.has_identity_shortcut()) BOOST_TEST(block.macs.value() == 218'365'952);
    BOOST_TEST(macs(network, "s2b1") == 231'211'008);
    for (auto const* name : {"s3b1", "s4b1", "s5b1"}) BOOST_TEST(macs(network, name) == 295'436'288);
    BOOST_TEST(macs(network, "stem") == 118'013'952);
    BOOST_TEST(macs(network, "head") == 20'480);
    auto memory = [&](char const* name) { return network.block(*network.find(name)).memory_bytes.value(); };
    BOOST_TEST(memory("stem") == 602'112);
    BOOST_TEST(memory("s2b2") == 4'816'896);
    BOOST_TEST(memory("s3b4") == 2'408'448);
    BOOST_TEST(memory("s4b6") == 1'204'224);
    BOOST_TEST(memory("s5b3") == 602'112);
    auto output = [&](char const* name) { return network.block(*network.find(name)).output_bytes.value(); };
    BOOST_TEST(output("stem") == 802'816);
    BOOST_TEST(output("s2b1") == 3'211'264);
    BOOST_TEST(output("s3b1") == 1'605'632);
    BOOST_TEST(output("s4b1") == 802'816);
    BOOST_TEST(output("s5b1") == 401'408);
    BOOST_TEST(network.block(BlockId(0)).weight_bytes.value() == 37'632);
}

// The paper's b: K_j, m_j and weights follow the size of an element; the classifier stays float32.
BOOST_AUTO_TEST_CASE(bytes_follow_the_precision) {
    struct Oracle {
        Precision precision;
        std::int64_t image, stem_output, stage2_output, stage2_memory, stem_weights, skip_memory;
        ElementType handed_on;
    };
    for (auto const& oracle :
         {Oracle{Precision::bfloat16, 301'056, 401'408, 1'605'632, 2'408'448, 18'816, 1'605'632, ElementType::bfloat16},
          Oracle{Precision::int8, 150'528, 200'704, 802'816, 1'204'224, 9'408, 802'816, ElementType::uint8}}) {
        auto profile = resnet50();
        profile.precision = oracle.precision;
        Network const network(profile), exact(resnet50());
        auto const block = [&](char const* name) -> Block const& { return network.block(*network.find(name)); };
        BOOST_TEST(network.input_bytes().value() == oracle.image);
        BOOST_TEST(block("stem").output_bytes.value() == oracle.stem_output);
        BOOST_TEST(block("s2b1").output_bytes.value() == oracle.stage2_output);
        BOOST_TEST(block("s2b2").memory_bytes.value() == oracle.stage2_memory);
        BOOST_TEST(block("stem").weight_bytes.value() == oracle.stem_weights);
        BOOST_TEST(block("s3b1").skip_memory_bytes.value() == oracle.skip_memory);
        BOOST_TEST(block("head").memory_bytes.value() == 8'192);
        BOOST_TEST(block("head").output_bytes.value() == 40);
        BOOST_TEST(block("head").weight_bytes.value() == 81'920);
        BOOST_TEST((network.output_type(BlockId(3)) == oracle.handed_on));
        BOOST_TEST((network.output_type(BlockId(17)) == ElementType::float32));
        BOOST_TEST(network.total_macs().value() == exact.total_macs().value());
    }
}

BOOST_AUTO_TEST_CASE(a_dropped_projection_block_keeps_its_projection) {
    Network const network(resnet50());
    auto const& block = network.block(*network.find("s3b1"));
    BOOST_TEST(block.skip_macs.value() == 256LL * 512 * 28 * 28);
    BOOST_TEST(block.skip_memory_bytes.value() == 4LL * 256 * 56 * 56);
    BOOST_TEST(!block.vanishes_when_dropped());
    BOOST_TEST(network.block(*network.find("s3b2")).vanishes_when_dropped());
}

BOOST_AUTO_TEST_CASE(variant_moves_the_stride_to_the_3x3) {
    Network const network(changed(resnet50(), [](auto& shape) { shape.variant = networks::Variant::v1_5; }));
    auto const stride = [&](char const* name) {
        auto const& operators = network.graph().operators();
        return std::ranges::find(operators, name, &Operator::name)->as<op::Convolution>()->window.stride.h;
    };
    BOOST_TEST(stride("layer2.0.conv1") == 1);
    BOOST_TEST(stride("layer2.0.conv2") == 2);
    BOOST_TEST(macs(network, "s3b1") > 295'436'288);
    BOOST_TEST(network.block(*network.find("s3b1")).output.h == 28);
}

BOOST_AUTO_TEST_CASE(cifar_networks_have_6n_plus_2_layers_and_free_shortcuts) {
    Network const network(resnet20());
    BOOST_TEST(network.size() == 11);
    BOOST_TEST(weighted_operators(network) == 20);
    auto const& block = network.block(*network.find("s3b1"));
    BOOST_TEST_REQUIRE(block.shortcut->operators.size() == 1u);
    BOOST_TEST(network.graph().at(block.shortcut->operators.front()).as<op::Subsample>() != nullptr);
    BOOST_TEST(block.vanishes_when_dropped());
    BOOST_TEST(block.output.h == 16);
    BOOST_TEST(block.output.c == 32);
    BOOST_TEST(network.total_macs().value() ==
               40'551'040);  // 16·27·1024 + 6·2,359,296 + (1,179,648 + 5·2,359,296)·2 + 640
}

BOOST_AUTO_TEST_CASE(weight_tensors_carry_torchvision_names) {
    Network const network(resnet50());
    auto const tensors = network.weight_tensors();
    BOOST_TEST(tensors.size() == 53 * 5 + 2);
    BOOST_TEST(tensors.front().name == "conv1.weight");
    BOOST_TEST(tensors.back().name == "fc.bias");
    bool found = false;
    for (auto const& tensor : tensors)
        if (tensor.name == "layer2.0.downsample.1.running_var") found = tensor.shape == std::vector<std::size_t>{512};
    BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(deeper_networks_come_from_their_stages) {
    Network const network(resnet50(224, {3, 8, 36, 3}));
    BOOST_TEST(network.size() == 52);
    BOOST_TEST(weighted_operators(network) == 152 + 4);  // projections are not among the layers that count
}

BOOST_AUTO_TEST_CASE(refuses_profiles_that_make_no_network) {
    auto profile = resnet50(224, {});
    BOOST_CHECK_THROW(Network{profile}, InputError);
    profile = resnet50();
    profile.input = image_shape(0);
    BOOST_CHECK_THROW(Network{profile}, InputError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(accuracy_table)

BOOST_AUTO_TEST_CASE(takes_the_lower_of_two_accuracies_and_puts_the_empty_set_first) {
    Network const network(resnet50());
    AccuracyTable table;
    table.network = "resnet50";
    table.rows = {{{"s5b3", "s2b3"}, BlockMode::skip, 0.82, ""},
                  {{}, BlockMode::skip, 0.9473, ""},
                  {{"s2b3", "s5b3"}, BlockMode::skip, 0.8122, ""},
                  {{"s2b2"}, BlockMode::direct, 0.1, ""}};
    auto const options = drop_options(table, network);
    BOOST_REQUIRE(options.size() == 2);
    BOOST_TEST(options[0].dropped.empty());
    BOOST_TEST(options[1].accuracy == 0.8122);
    BOOST_TEST((options[1].dropped[0] == *network.find("s2b3")));
}

BOOST_AUTO_TEST_CASE(refuses_tables_that_cannot_be_right) {
    Network const network(resnet50());
    auto refused = [&](std::string const& of, std::vector<std::vector<std::string>> sets, std::string const& text) {
        AccuracyTable table;
        table.network = of;
        for (auto& set : sets) table.rows.push_back({set, BlockMode::skip, 0.9, ""});
        BOOST_CHECK_EXCEPTION(drop_options(table, network), InputError, [&](InputError const& e) {
            return std::string(e.what()).find(text) != std::string::npos;
        });
    };
    refused("resnet101", {{}}, "measured on resnet101");
    refused("resnet50", {{"s2b2"}}, "dropped = []");
    refused("resnet50", {{}, {"s2b9"}}, "no block s2b9");
    refused("resnet50", {{}, {"stem"}}, "cannot be dropped");
    refused("resnet50", {{}, {"s2b2", "s2b2"}}, "twice");
    auto const doubled = [](Graph::Builder& graph) {
        return graph.add("sum", op::Add{}, {convolved(graph, "conv", TensorId(0), 4), TensorId(0)});
    };
    Network const one_block(drawn("doubled", {1, 8, 8, 4}, doubled));
    AccuracyTable table;
    table.network = "doubled";
    table.rows = {{{}, BlockMode::skip, 0.9, ""}, {{"conv"}, BlockMode::skip, 0.5, ""}};
    BOOST_CHECK_EXCEPTION(drop_options(table, one_block), InputError, [](InputError const& e) {
        return std::string(e.what()).find("drops every block of doubled; one at least must run") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(long_names_of_blocks_are_shortened_and_stay_apart) {
    std::string const begin = "é/" + std::string(40, 'x') + "/", end = "/" + std::string(60, 'y') + "/é";
    Network const network(drawn("long", {1, 8, 8, 4}, [&](Graph::Builder& graph) {
        auto const short_name = std::string(Network::longest_block_name, 'z');
        auto tensor = convolved(graph, short_name, TensorId(0), 4);
        for (auto const* middle : {"a", "b", "c"}) tensor = convolved(graph, begin + middle + end, tensor, 4);
        return tensor;
    }));
    BOOST_REQUIRE(network.size() == 4);
    BOOST_TEST(network.blocks()[0].name == std::string(64, 'z'));
    for (auto const& block : network.blocks()) {
        BOOST_TEST(block.name.size() <= Network::longest_block_name);
        BOOST_TEST((*network.find(block.name)).index() == static_cast<std::size_t>(&block - network.blocks().data()));
    }
    BOOST_TEST(network.blocks()[1].name.starts_with("é/xxx"));
    BOOST_TEST(network.blocks()[1].name.ends_with("yyy/é"));
    BOOST_TEST(network.blocks()[1].name.find("x…y") != std::string::npos);
    BOOST_TEST(network.blocks()[3].name.find("x…3…y") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
