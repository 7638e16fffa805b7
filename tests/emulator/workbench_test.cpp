#include "emulator/workbench.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "emulator/routing.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::emulator;

namespace {

Tensor numbered(TensorShape shape, float first = 0) {
    Tensor tensor(shape);
    for (float& x : tensor.values()) x = first++;
    return tensor;
}

// Orders of round 3 and request 7.
class Sheet {
  public:
    Sheet() { orders_.round = 3; }
    void task(int number, std::vector<InputOrder> const& inputs, std::vector<OutputOrder> const& outputs = {},
              double begin = 0, double end = 0) {
        TaskOrder order{.request = 7, .task = number, .block = number};
        order.first_input = static_cast<std::int32_t>(orders_.inputs.size());
        order.inputs = static_cast<std::int32_t>(inputs.size());
        order.first_output = static_cast<std::int32_t>(orders_.outputs.size());
        order.outputs = static_cast<std::int32_t>(outputs.size());
        order.begin_s = begin;
        order.end_s = end;
        orders_.tasks.push_back(order);
        orders_.inputs.insert(orders_.inputs.end(), inputs.begin(), inputs.end());
        orders_.outputs.insert(orders_.outputs.end(), outputs.begin(), outputs.end());
    }
    Orders orders() const { return orders_; }

  private:
    Orders orders_;
};

InputOrder reads(int from, Box piece = {}, Box read = {}) {
    return {from, piece, read};
}

TensorName name(int task, Box box = {}) {
    return {3, 7, task, box};
}

std::vector<int> tasks(std::vector<Work*> const& works) {
    std::vector<int> numbers;
    for (Work const* const work : works) numbers.push_back(work->order.task);
    return numbers;
}

constexpr Box upper{0, 2, 0, 1, 0, 1}, lower{1, 3, 0, 1, 0, 1};  // rows of a tensor of three

}  // namespace

BOOST_AUTO_TEST_SUITE(workbench)

BOOST_AUTO_TEST_CASE(a_work_lacks_nothing_when_the_last_of_its_inputs_is_there) {
    Sheet sheet;
    sheet.task(4, {reads(1), reads(2), reads(3)});
    Workbench bench;
    BOOST_TEST(bench.add(sheet.orders()).empty());
    BOOST_TEST(bench.put(name(2), numbered({1, 1, 1, 1})).empty());
    BOOST_TEST(bench.put(name(1), numbered({1, 1, 1, 1})).empty());
    auto const complete = bench.put(name(3), numbered({1, 1, 1, 1}, 3));
    BOOST_REQUIRE((tasks(complete) == std::vector{4}));
    BOOST_TEST(bench.is_complete(*complete[0]));
    auto const pieces = bench.take(*complete[0]);
    BOOST_REQUIRE(pieces.size() == 3u);
    BOOST_TEST(pieces[2].values()[0] == 3.0F);
    BOOST_TEST(bench.tensors() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_called_off_leaves_nothing) {
    Sheet sheet;
    sheet.task(4, {reads(image_task)});
    sheet.task(5, {reads(4)});
    sheet.task(6, {reads(5)});
    sheet.task(7, {reads(5, upper), reads(6)});
    Workbench bench;
    BOOST_TEST(bench.add(sheet.orders()).empty());
    auto const first = bench.put(name(image_task), numbered({1, 1, 1, 1}));
    BOOST_REQUIRE((tasks(first) == std::vector{4}));
    bench.take(*first[0]);
    BOOST_TEST(bench.call_off({3, 7, 4}) == 3u);
    BOOST_TEST(bench.finish(*first[0]));  // the last one of its round
    BOOST_TEST(!bench.is_read(name(4)));
    BOOST_TEST(!bench.is_read(name(5, upper)));
    BOOST_TEST(!bench.is_read(name(6)));
    BOOST_TEST(bench.tensors() == 0u);
    bench.release(3);
    BOOST_TEST(bench.call_off({3, 7, 4}) == 0u);
}

BOOST_AUTO_TEST_CASE(tensors_that_come_before_their_orders_are_kept_for_them) {
    Sheet sheet;
    sheet.task(1, {reads(0, upper)});
    sheet.task(2, {reads(0, lower)});
    Workbench bench;
    BOOST_TEST(bench.put(name(0, lower), numbered({1, 2, 1, 1})).empty());
    BOOST_TEST((tasks(bench.add(sheet.orders())) == std::vector{2}));
    BOOST_TEST((tasks(bench.put(name(0, upper), numbered({1, 2, 1, 1}))) == std::vector{1}));
}

BOOST_AUTO_TEST_CASE(every_reader_gets_its_box_and_the_last_one_takes_what_it_reads_whole) {
    Sheet sheet;
    sheet.task(1, {reads(0, {}, upper)});
    sheet.task(2, {reads(0)});
    sheet.task(3, {reads(0)});
    Workbench bench;
    bench.add(sheet.orders());
    auto tensor = numbered({1, 3, 1, 1});
    auto const* const memory = tensor.bytes().data();
    auto const complete = bench.put(name(0), std::move(tensor));
    BOOST_REQUIRE((tasks(complete) == std::vector{1, 2, 3}));
    auto const box = bench.take(*complete[0]), copy = bench.take(*complete[1]), last = bench.take(*complete[2]);
    BOOST_TEST((box[0].shape() == TensorShape{1, 2, 1, 1}));
    BOOST_TEST(box[0].values()[1] == 1.0F);
    BOOST_TEST(std::ranges::equal(copy[0].values(), last[0].values()));
    BOOST_TEST(copy[0].bytes().data() != memory);
    BOOST_TEST(last[0].bytes().data() == memory);
    BOOST_TEST(bench.tensors() == 0u);
}

BOOST_AUTO_TEST_CASE(an_outcome_is_cut_for_each_node_and_put_down_for_readers_here) {
    Sheet sheet;
    sheet.task(0, {reads(image_task)}, {{.to_node = 5, .box = upper}, {.to_node = 6, .transfer = 2, .box = lower}});
    sheet.task(1, {reads(0)});
    Workbench bench;
    bench.add(sheet.orders());
    auto const first = bench.put(name(image_task), numbered({1, 1, 1, 1}));
    BOOST_REQUIRE(first.size() == 1u);
    bench.take(*first[0]);
    auto tensor = numbered({1, 3, 1, 1});
    auto const* const memory = tensor.bytes().data();
    auto const routed = route(*first[0], std::move(tensor), bench);
    BOOST_REQUIRE(routed.leaving.size() == 2u);
    BOOST_TEST((routed.leaving[0].name == name(0, upper)));
    BOOST_TEST(routed.leaving[0].to_node == 5);
    BOOST_TEST(routed.leaving[1].transfer == 2);
    BOOST_TEST(routed.leaving[1].tensor.values()[0] == 1.0F);
    BOOST_REQUIRE((tasks(routed.complete) == std::vector{1}));
    BOOST_TEST(bench.take(*routed.complete[0])[0].bytes().data() == memory);
}

BOOST_AUTO_TEST_CASE(what_leaves_whole_leaves_without_a_copy_when_nobody_else_needs_it) {
    Sheet sheet;
    sheet.task(0, {reads(image_task)}, {{.to_node = 5}, {.to_node = 6}});
    Workbench bench;
    bench.add(sheet.orders());
    auto const first = bench.put(name(image_task), Tensor());
    BOOST_TEST(bench.take(*first[0])[0].empty());  // kernels off: tensors without values go the same ways
    auto tensor = numbered({1, 3, 1, 1});
    auto const* const memory = tensor.bytes().data();
    auto const routed = route(*first[0], std::move(tensor), bench);
    BOOST_TEST(routed.leaving[0].tensor.bytes().data() != memory);
    BOOST_TEST(routed.leaving[1].tensor.bytes().data() == memory);
    BOOST_TEST(std::ranges::equal(routed.leaving[0].tensor.values(), routed.leaving[1].tensor.values()));
}

BOOST_AUTO_TEST_CASE(works_run_by_their_times_and_what_takes_none_comes_first) {
    Sheet sheet;
    sheet.task(2, {reads(1)}, {}, 5, 8);
    sheet.task(1, {reads(0)}, {}, 5, 5);
    sheet.task(0, {reads(image_task)}, {}, 2, 5);
    Workbench bench;
    bench.add(sheet.orders());
    BOOST_TEST((tasks(bench.schedule(3)) == std::vector{0, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_round_is_over_with_its_last_work) {
    Sheet sheet;
    sheet.task(0, {reads(image_task)});
    sheet.task(1, {reads(0)});
    Workbench bench;
    bench.add(sheet.orders());
    auto const works = bench.schedule(3);
    BOOST_TEST(!bench.finish(*works[0]));
    BOOST_TEST(bench.finish(*works[1]));
    bench.release(3);
    BOOST_CHECK_NO_THROW(bench.add(sheet.orders()));  // the number is free again
}

BOOST_AUTO_TEST_CASE(orders_arrive_as_they_were_sent_and_cut_off_ones_are_refused) {
    Sheet sheet;
    sheet.task(0, {reads(image_task, upper, lower)}, {{.to_node = 5, .transfer = 1, .box = upper}}, 1.5, 2.5);
    auto orders = sheet.orders();
    orders.transfers.push_back({.request = 7, .kind = EventKind::receive, .device = 4, .peer = 9, .end_s = 3});
    auto const packed = pack_orders(orders);
    auto const again = unpack_orders(packed);
    BOOST_TEST(again.round == 3);
    BOOST_REQUIRE(again.tasks.size() == 1u);
    BOOST_TEST(again.tasks[0].end_s == 2.5);
    BOOST_TEST((again.inputs.at(0).read == lower));
    BOOST_TEST((again.outputs.at(0).box == upper));
    BOOST_TEST(again.transfers.at(0).peer == 9);
    Buffer cut_off(packed.size() - 8);
    std::memcpy(cut_off.data(), packed.data(), cut_off.size());
    BOOST_CHECK_THROW(unpack_orders(cut_off), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()
