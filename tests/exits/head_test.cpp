#include "exits/head.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <vector>

#include "exits/head_choice.hpp"
#include "exits/head_network.hpp"
#include "exits/head_training.hpp"
#include "exits/pooling.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::exits;

namespace {

std::vector<float> random_numbers(std::size_t count, std::string_view name) {
    RandomStream stream(7, name);
    std::vector<float> numbers(count);
    for (auto& number : numbers) number = static_cast<float>(stream.normal());
    return numbers;
}

std::vector<std::size_t> first_numbers(std::size_t count) {
    std::vector<std::size_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), std::size_t{0});
    return numbers;
}

std::atomic<bool> const go_on{false};

}  // namespace

BOOST_AUTO_TEST_SUITE(heads)

BOOST_AUTO_TEST_CASE(kinds_are_read_as_they_are_written) {
    for (auto const* const text : {"pool1", "pool4max", "pool4max-128", "pool2-64", "pool8-conv32"})
        BOOST_TEST(to_string(parse_head_kind(text)) == text);
    for (auto const* const text :
         {"", "pool", "pool0", "poolx", "pool4-", "pool4-conv", "pool4max-0", "pool99", "mean1"})
        BOOST_CHECK_THROW(parse_head_kind(text), InputError);
}

BOOST_AUTO_TEST_CASE(windows_cover_every_row_once_where_they_can) {
    for (int extent = 1; extent <= 30; ++extent)
        for (int grid = 1; grid <= 8; ++grid) {
            auto const [window, stride] = stride_of(extent, grid);
            int const places = std::min(extent, grid);
            BOOST_TEST(window >= stride);  // no row is passed over
            BOOST_TEST((places - 1) * stride + window == extent);
            if (extent % places == 0) BOOST_TEST(window == stride);
        }
}

BOOST_AUTO_TEST_CASE(pools_averages_and_maxima) {
    Tensor tensor({1, 2, 4, 1});
    std::ranges::copy(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 12}, tensor.values().begin());
    std::vector<float> row(4);
    pool(tensor, {2, false}, row, 4);
    BOOST_TEST(row == (std::vector<float>{1.5F, 3.5F, 5.5F, 9.5F}), boost::test_tools::per_element());
    std::vector<float> both(8);
    pool(tensor, {2, true}, both, 8);
    BOOST_TEST(both == (std::vector<float>{1.5F, 2, 3.5F, 4, 5.5F, 6, 9.5F, 12}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(graphs_of_heads_have_the_shapes_of_their_weights) {
    for (auto const* const text : {"pool1", "pool4max", "pool4max-12", "pool3-conv5"}) {
        auto const kind = parse_head_kind(text);
        auto const graph = head_graph("exit.b", {1, 7, 6, 3}, kind, 4);
        BOOST_TEST(graph.at(graph.output()).shape.elements() == 4U);
        auto const input = pooled_shape({1, 7, 6, 3}, kind.pooling);
        HeadNetwork const network(kind, input, 4);
        HeadNumbers const numbers{std::vector<float>(network.layer_bias_at()),
                                  std::vector<float>(static_cast<std::size_t>(kind.channels)),
                                  std::vector<float>(network.bias_at() - network.weights_at()), std::vector<float>(4)};
        HeadWeights weights(graph, kind, numbers);
        auto const tensors = graph.weight_tensors();
        BOOST_TEST(tensors.size() == weights.names().size());
        for (auto const& tensor : tensors) {
            auto const values = weights.read(tensor.name);
            BOOST_TEST(values.shape == tensor.shape, boost::test_tools::per_element());
            BOOST_TEST(values.values.size() == tensor.elements());
        }
    }
}

BOOST_AUTO_TEST_CASE(gradients_are_those_of_differences) {
    for (auto const* const text : {"pool4", "pool4max-6", "pool4-conv5"}) {
        BOOST_TEST_CONTEXT(text) {
            TensorShape const input{1, 4, 3, 2};
            HeadNetwork network(parse_head_kind(text), input, 3);
            auto numbers = random_numbers(network.numbers(), "numbers");
            std::size_t const count = 5;
            auto const samples = random_numbers(count * input.elements(), "inputs");
            auto const of_logits = random_numbers(count * 3, "gradient");
            std::vector<float> logits(count * 3), gradient(numbers.size());
            auto const value = [&] {  // of which of_logits is the gradient by the logits
                network.forward(numbers, samples, count, logits);
                double sum = 0;
                for (std::size_t i = 0; i < logits.size(); ++i)
                    sum += static_cast<double>(logits[i]) * static_cast<double>(of_logits[i]);
                return sum;
            };
            value();
            network.backward(numbers, samples, count, of_logits, gradient);
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                float const step = 5e-4F, before = numbers[i];
                numbers[i] = before + step;
                double const high = value();
                numbers[i] = before - step;
                double const low = value();
                numbers[i] = before;
                double const difference = (high - low) / (2 * static_cast<double>(step));
                BOOST_TEST(std::abs(difference - static_cast<double>(gradient[i])) <
                           0.03 + 0.03 * std::abs(difference));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(finds_the_least_loss_and_the_same_one_each_time) {
    std::size_t const count = 400;
    TensorShape const input{1, 1, 1, 4};
    auto rows = random_numbers(count * 4, "rows");
    std::vector<std::int32_t> labels;
    RandomStream noise(3, "labels");
    for (std::size_t i = 0; i < count; ++i) {
        rows[4 * i + 1] = 10 + 5 * rows[4 * i + 1];  // of another scale
        labels.push_back(
            static_cast<double>(rows[4 * i]) + (static_cast<double>(rows[4 * i + 1]) - 10) / 5 + noise.normal() > 0);
    }
    auto const all = first_numbers(count);
    Samples const samples{rows, 4, 0, input, labels, all};
    HeadProblem const problem(HeadKind{}, samples, 2);
    auto numbers = problem.start();
    BOOST_TEST(problem.solve(1e-3, 500, numbers, go_on));
    auto again = problem.start();
    BOOST_TEST(problem.solve(1e-3, 500, again, go_on));
    BOOST_TEST(numbers == again, boost::test_tools::per_element());
    auto const head = problem.head(numbers);
    auto const loss = [&](HeadNumbers const& here) {
        return mean_loss(logits_of(HeadKind{}, here, samples, 2), samples, 2);
    };
    // No step to a side makes it less, but for what the penalty asks for.
    auto const least = loss(head);
    BOOST_TEST(least < 0.5);
    for (std::size_t i = 0; i < head.weights.size(); ++i)
        for (float const step : {-0.3F, 0.3F}) {
            auto other = head;
            other.weights[i] += step * (i % 4 == 1 ? 0.2F : 1.0F);
            BOOST_TEST(loss(other) > least);
        }
    // A heavier penalty: smaller weights.
    auto heavy = problem.start();
    BOOST_TEST(problem.solve(1, 500, heavy, go_on));
    BOOST_TEST(std::abs(problem.head(heavy).weights[0]) < 0.7F * std::abs(head.weights[0]));
}

BOOST_AUTO_TEST_CASE(stops_when_it_is_told_to) {
    auto const rows = random_numbers(40, "rows");
    std::vector<std::int32_t> const labels{0, 1, 0, 1, 1, 0, 1, 0, 1, 0};
    auto const all = first_numbers(10);
    HeadProblem const problem(HeadKind{}, {rows, 4, 0, {1, 1, 1, 4}, labels, all}, 2);
    auto numbers = problem.start();
    std::atomic<bool> const stop{true};
    BOOST_TEST(!problem.solve(1e-3, 500, numbers, stop));
}

BOOST_AUTO_TEST_CASE(the_most_confident_leave_until_too_many_are_wrong) {
    // Confidences fall from sample to sample; the head is wrong about samples 2 and 4, the end about sample 4 alone.
    std::vector<float> const logits{5, 0, 4, 0, 3, 0, 2, 0, 1, 0};
    std::vector<std::int32_t> const labels{0, 0, 1, 0, 1};
    std::vector<std::uint8_t> const right{1, 1, 1, 1, 0};
    auto const all = first_numbers(5);
    Samples const samples{{}, 0, 0, {1, 1, 1, 1}, labels, all};
    BOOST_TEST(leaving_share(logits, samples, right, 2, 0) == 0.4);
    BOOST_TEST(leaving_share(logits, samples, right, 2, 0.2) == 1);
}

BOOST_AUTO_TEST_CASE(a_layer_learns_what_no_line_separates) {
    std::size_t const count = 300;
    auto rows = random_numbers(count * 2, "rows");
    std::vector<std::int32_t> labels;
    std::vector<std::size_t> training, validation;
    for (std::size_t i = 0; i < count; ++i) {
        labels.push_back(rows[2 * i] * rows[2 * i + 1] > 0);
        (i % 3 == 0 ? validation : training).push_back(i);
    }
    std::vector<std::uint8_t> const right(count, 1);
    Features const features{{1, 1, 1, 2}, {Pooling{}}};
    BlockSamples const block{features, rows, labels, right, training, validation, 1e6};
    ChoiceSettings const settings{{parse_head_kind("pool1"), parse_head_kind("pool1-16")}, {1e-2, 1e-3, 1e-4}, 2, 300};
    auto const chosen = choose_head(block, settings, go_on);
    BOOST_REQUIRE(chosen.has_value());
    BOOST_TEST(to_string(chosen->kind) == "pool1-16");
    BOOST_TEST(chosen->accuracy > 0.9);
}

BOOST_AUTO_TEST_SUITE_END()
