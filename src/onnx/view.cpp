#include "onnx/view.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <optional>

#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

[[noreturn]] void refuse_mixing() {
    throw InputError("mixes the images of a batch (each must be computed alone); export the model with a batch of 1");
}

Factors range(Factors const& factors, std::size_t begin, std::size_t end) {
    return {factors.begin() + static_cast<std::ptrdiff_t>(begin), factors.begin() + static_cast<std::ptrdiff_t>(end)};
}

Factors without(Factors const& factors, Factors const& some) {
    Factors rest;
    for (auto const& factor : factors)
        if (!contains(some, factor)) rest.push_back(factor);
    return rest;
}

int extent(Factors const& factors) {
    auto const size = product(factors);
    SKIPSTONE_ENSURE(size <= std::numeric_limits<int>::max());
    return static_cast<int>(size);
}

std::array<int, 3> dimensions(TensorShape shape) {
    return {shape.h, shape.w, shape.c};
}

// Where the dimensions are that have more than one element, if they are these; none: they are others.
std::optional<std::vector<std::size_t>> places_of(std::array<int, 3> const& shape, std::vector<int> const& sizes) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < 3; ++i)
        if (shape[i] > 1) {
            if (places.size() == sizes.size() || sizes[places.size()] != shape[i]) return std::nullopt;
            places.push_back(i);
        }
    if (places.size() != sizes.size()) return std::nullopt;
    return places;
}

std::vector<std::size_t> last_places(std::size_t count) {
    std::vector<std::size_t> places;
    for (std::size_t i = 3 - count; i < 3; ++i) places.push_back(i);
    return places;
}

// Runs of a list that are runs of another order, too.
std::vector<Factors> common_runs(Factors const& list, Factors const& order) {
    std::vector<Factors> runs;
    for (auto const& factor : list) {
        auto const place = std::ranges::find(order, factor) - order.begin();
        if (!runs.empty() && place > 0 && order[static_cast<std::size_t>(place) - 1] == runs.back().back())
            runs.back().push_back(factor);
        else
            runs.push_back({factor});
    }
    return runs;
}

bool is_same_set(Factors const& a, Factors const& b) {
    return a.size() == b.size() && std::ranges::all_of(a, [&](auto const& factor) { return contains(b, factor); });
}

}  // namespace

std::int64_t product(Factors const& factors) {
    std::int64_t all = 1;
    for (auto const& factor : factors) {
        if (all > std::numeric_limits<std::int64_t>::max() / factor.size)
            throw InputError("an axis has more than 2^63 elements");
        all *= factor.size;
    }
    return all;
}

bool has_batch(Factors const& factors) {
    return std::ranges::any_of(factors, [](auto const& factor) { return factor.id == batch_id; });
}

Factors joined(std::vector<Factors> const& lists) {
    Factors all;
    for (auto const& list : lists) all.insert(all.end(), list.begin(), list.end());
    return all;
}

bool contains(Factors const& factors, Factor const& factor) {
    return std::ranges::find(factors, factor) != factors.end();
}

std::vector<std::size_t> positions(Factors const& memory, Factors const& order) {
    std::vector<std::size_t> found{0};
    for (auto const& factor : memory) {
        auto const place = std::ranges::find(order, factor);
        auto const stride = place == order.end() ? 0 : static_cast<std::size_t>(product({place + 1, order.end()}));
        std::vector<std::size_t> finer;
        finer.reserve(found.size() * static_cast<std::size_t>(factor.size));
        for (auto const base : found)
            for (std::size_t i = 0; i < static_cast<std::size_t>(factor.size); ++i) finer.push_back(base + i * stride);
        found = std::move(finer);
    }
    return found;
}

Shape View::shape() const {
    Shape sizes;
    for (auto const& axis : axes) sizes.push_back(product(axis));
    return sizes;
}

void View::split(Factor const& factor, Factors const& parts) {
    auto const in = [&](Factors& list) {
        auto const place = std::ranges::find(list, factor);
        if (place == list.end()) return;
        auto const at = list.erase(place);
        list.insert(at, parts.begin(), parts.end());
    };
    in(memory);
    for (auto& axis : axes) in(axis);
}

View Layout::image(TensorId tensor, Factors const& batch, std::size_t rank) {
    auto const shape = sketch_->shape(tensor);
    auto const h = axis(shape.h), w = axis(shape.w), c = axis(shape.c);
    if (rank == 3) {
        SKIPSTONE_EXPECT(shape.h == 1);
        return {tensor, joined({w, c}), {batch, c, w}};
    }
    return {tensor, joined({h, w, c}), {batch, c, h, w}};
}

TensorId Layout::with_shape(TensorId tensor, TensorShape shape, std::string const& name) {
    if (sketch_->shape(tensor) == shape) return tensor;
    auto& known = reshapes_[{tensor, dimensions(shape)}];
    if (!known) known = sketch_->add(name + ".reshape", op::Reshape{shape.h, shape.w, shape.c}, {tensor});
    return known;
}

TensorId Layout::converted(View const& view, Factors const& order, TensorShape shape, std::string const& name) {
    auto tensor = view.tensor;
    auto current = view.memory;
    std::size_t done = 0;  // so many factors of `order` are at the end of `current`
    while (current != order) {
        auto const runs = common_runs(current, order);
        std::vector<int> sizes;
        std::array<Axis, 3> axes{Axis::h, Axis::w, Axis::c};
        if (runs.size() <= 3) {
            for (auto const& run : runs) sizes.push_back(extent(run));
            std::vector<std::size_t> targets;  // runs in the order that they are to have
            for (std::size_t i = 0; i < order.size();) {
                auto const run = std::ranges::find_if(runs, [&](auto const& r) { return r.front() == order[i]; });
                targets.push_back(static_cast<std::size_t>(run - runs.begin()));
                i += run->size();
            }
            auto from = places_of(dimensions(sketch_->shape(tensor)), sizes);
            if (!from) {
                from = last_places(runs.size());
                std::array<int, 3> dims{1, 1, 1};
                for (std::size_t i = 0; i < sizes.size(); ++i) dims[(*from)[i]] = sizes[i];
                tensor = with_shape(tensor, {1, dims[0], dims[1], dims[2]}, name);
            }
            std::vector<int> target_sizes;
            for (auto const target : targets) target_sizes.push_back(sizes[target]);
            auto const to = places_of(dimensions(shape), target_sizes).value_or(last_places(runs.size()));
            std::array<bool, 3> is_from{}, is_to{};
            for (std::size_t i = 0; i < targets.size(); ++i) {
                axes[to[i]] = static_cast<Axis>((*from)[targets[i]]);
                is_to[to[i]] = is_from[(*from)[targets[i]]] = true;
            }
            for (std::size_t i = 0, free = 0; i < 3; ++i) {
                if (is_to[i]) continue;
                while (is_from[free]) ++free;
                axes[i] = static_cast<Axis>(free++);
            }
            current = order;
        } else {
            // The run that comes next goes behind all others.
            auto const next = std::ranges::find_if(runs, [&](auto const& run) { return run.front() == order[done]; });
            SKIPSTONE_ENSURE(next != runs.end());
            auto const before = joined({runs.begin(), next}), behind = joined({next + 1, runs.end()});
            tensor = with_shape(tensor, {1, extent(before), extent(*next), extent(behind)}, name);
            axes = {Axis::h, Axis::c, Axis::w};
            done += next->size();
            current = joined({before, behind, *next});
        }
        auto& known =
            transposes_[{tensor, {static_cast<int>(axes[0]), static_cast<int>(axes[1]), static_cast<int>(axes[2])}}];
        if (!known) known = sketch_->add(name + ".transpose", op::Transpose{axes}, {tensor});
        tensor = known;
    }
    return with_shape(tensor, shape, name);
}

View Layout::ordered(View const& view, Factors const& order, TensorShape shape, std::string const& name) {
    return {converted(view, order, shape, name), order, view.axes};
}

std::pair<std::size_t, std::size_t> Layout::bounds(View const& view) const {
    auto const shape = sketch_->shape(view.tensor);
    std::size_t at = 0;
    auto const advance = [&](std::int64_t size) {
        std::int64_t all = 1;
        while (all < size && at < view.memory.size()) all *= view.memory[at++].size;
        SKIPSTONE_ENSURE(all == size);
    };
    advance(shape.h);
    auto const rows = at;
    advance(shape.w);
    return {rows, at};
}

View Layout::spatial(View const& view, std::string const& name) {
    auto const& axes = view.axes;
    if (axes.size() < 3) throw InputError("needs an input [N,C,H,W] or [N,C,W], and has " + text_of(view.shape()));
    if (axes.size() > 4)
        throw InputError("has an input of " + std::to_string(axes.size()) +
                         " axes; networks of images [N,C,H,W] and of signals [N,C,W] are run");
    for (std::size_t i = 0; i < axes.size(); ++i)
        if (i == 0 ? std::ranges::any_of(axes[0], [](auto const& f) { return f.id != batch_id; }) : has_batch(axes[i]))
            refuse_mixing();
    auto const rows = axes.size() == 4 ? axes[2] : Factors{};
    auto const& columns = axes.back();
    return ordered(view, joined({rows, columns, axes[1]}), {1, extent(rows), extent(columns), extent(axes[1])}, name);
}

View Layout::in_order_of_axes(View const& view, std::string const& name) {
    Factors order;
    for (auto const& factor : joined(view.axes))
        if (factor.id != batch_id) order.push_back(factor);
    auto result = ordered(view, order, {1, 1, 1, extent(order)}, name);
    result.memory.clear();
    for (auto& axis : result.axes) {
        Factors merged;
        if (has_batch(axis)) {
            merged.push_back(axis.front());
            if (axis.front().id != batch_id) refuse_mixing();
            axis.erase(axis.begin());
        }
        if (!axis.empty()) merged.push_back(fresh(product(axis)));
        for (auto const& factor : merged)
            if (factor.id != batch_id) result.memory.push_back(factor);
        axis = merged;
    }
    return result;
}

View Layout::reshaped(View view, Shape const& sizes, std::string const& name) {
    std::int64_t wanted = 1;
    auto const all = product(joined(view.axes));
    for (auto const size : sizes) {
        if (size < 1 || wanted > std::numeric_limits<std::int64_t>::max() / size)
            throw InputError("gives a tensor of the shape " + text_of(sizes));
        wanted *= size;
    }
    if (wanted != all)
        throw InputError("makes " + text_of(sizes) + " of " + text_of(view.shape()) +
                         ", which has not as many elements, or mixes the images of a batch");
    for (bool const is_merged : {false, true}) {
        auto const factors = joined(view.axes);
        std::deque<Factor> rest(factors.begin(), factors.end());
        std::vector<Factors> axes;
        bool fits = true;
        for (auto const size : sizes) {
            Factors axis;
            for (auto left = size; left > 1 && fits;) {
                auto const factor = rest.front();
                rest.pop_front();
                if (left % factor.size == 0) {
                    axis.push_back(factor);
                    left /= factor.size;
                } else if (factor.size % left == 0) {
                    if (factor.id == batch_id) refuse_mixing();
                    auto const first = fresh(left), second = fresh(factor.size / left);
                    view.split(factor, {first, second});
                    axis.push_back(first);
                    rest.push_front(second);
                    left = 1;
                } else {
                    fits = false;
                }
            }
            axes.push_back(std::move(axis));
        }
        if (fits) {
            view.axes = std::move(axes);
            return view;
        }
        if (is_merged || (!factors.empty() && has_batch(factors) && factors.front().id != batch_id)) refuse_mixing();
        // All elements as they follow each other there are one factor, which any shape divides.
        view = in_order_of_axes(view, name);
        auto const whole = fresh(product(view.memory));
        view.axes = {has_batch(joined(view.axes)) ? Factors{factors.front()} : Factors{}, {whole}};
        view.memory = {whole};
    }
    refuse_mixing();
}

std::pair<View, View> Layout::aligned(View a, View b, std::string const& name, int except) {
    auto const rank = std::max(a.axes.size(), b.axes.size());
    for (auto* view : {&a, &b}) view->axes.insert(view->axes.begin(), rank - view->axes.size(), Factors{});
    // Factors of one origin may be in other axes there.
    for (auto const& factor : Factors(b.memory)) b.split(factor, {fresh(factor.size)});
    for (std::size_t i = 0; i < rank; ++i)
        if (static_cast<int>(i) != except && product(a.axes[i]) != product(b.axes[i]) && !a.axes[i].empty() &&
            !b.axes[i].empty())
            throw InputError("its inputs " + text_of(a.shape()) + " and " + text_of(b.shape()) +
                             " do not fit each other");
    for (bool const is_merged : {false, true}) {
        bool fits = true;
        for (std::size_t i = 0; i < rank && fits; ++i) {
            if (static_cast<int>(i) == except || a.axes[i].empty() || b.axes[i].empty()) continue;
            for (std::size_t f = 0; f < a.axes[i].size() && fits; ++f) {
                auto const x = a.axes[i][f], y = b.axes[i][f];
                if ((x.id == batch_id) != (y.id == batch_id)) refuse_mixing();
                if (x.size == y.size) {
                    if (x.id != batch_id) b.split(y, {x});
                } else if (x.size % y.size == 0) {
                    auto const first = fresh(y.size);
                    a.split(x, {first, fresh(x.size / y.size)});
                    b.split(y, {first});
                } else if (y.size % x.size == 0) {
                    b.split(y, {x, fresh(y.size / x.size)});
                } else {
                    fits = false;
                }
            }
        }
        if (fits) break;
        SKIPSTONE_ENSURE(!is_merged);
        a = in_order_of_axes(a, name);
        b = in_order_of_axes(b, name);
    }
    return {std::move(a), std::move(b)};
}

Layout::Separated Layout::separated(View const& view, Factors const& some, std::string const& name) {
    auto const asked = [&](Factor const& factor) { return contains(some, factor); };
    auto const [rows, pixels] = bounds(view);
    std::array const groups{range(view.memory, 0, rows), range(view.memory, rows, pixels),
                            range(view.memory, pixels, view.memory.size())};
    auto const is_pure = [&](Factors const& group) {
        return group.empty() || std::ranges::all_of(group, [&](auto const& f) { return asked(f) == asked(group[0]); });
    };
    auto const flag = [&](Factors const& group) { return !group.empty() && asked(group.front()); };
    if (std::ranges::all_of(groups, is_pure)) return {view, flag(groups[0]), flag(groups[1]), flag(groups[2])};
    std::vector<Factors> runs;
    for (auto const& factor : view.memory)
        if (!runs.empty() && asked(runs.back().front()) == asked(factor))
            runs.back().push_back(factor);
        else
            runs.push_back({factor});
    auto order = view.memory;
    if (runs.size() > 3) {
        runs = {without(view.memory, some), {}};
        for (auto const& factor : view.memory)
            if (asked(factor)) runs.back().push_back(factor);
        order = joined(runs);
    }
    runs.insert(runs.begin(), 3 - runs.size(), Factors{});
    auto result = ordered(view, order, {1, extent(runs[0]), extent(runs[1]), extent(runs[2])}, name);
    return {std::move(result), flag(runs[0]), flag(runs[1]), flag(runs[2])};
}

View Layout::with_channels(View const& view, Factors const& channels, std::string const& name) {
    auto const [rows, pixels] = bounds(view);
    auto const& memory = view.memory;
    if (is_same_set(range(memory, pixels, memory.size()), channels)) return view;
    auto const rest = memory.size() - channels.size();
    if (is_same_set(range(memory, rest, memory.size()), channels)) {
        auto const first = rows <= rest ? rows : 0;
        return ordered(view, memory,
                       {1, extent(range(memory, 0, first)), extent(range(memory, first, rest)), extent(channels)},
                       name);
    }
    auto const others = without(memory, channels);
    return ordered(view, joined({others, channels}), {1, 1, extent(others), extent(channels)}, name);
}

Layout::Placed Layout::placed(View const& view, std::size_t axis, bool may_be_channels, std::string const& name) {
    auto const& factors = view.axes[axis];
    if (has_batch(factors)) refuse_mixing();
    auto const shape = sketch_->shape(view.tensor);
    if (factors.empty()) {
        auto const rank = view.axes.size();
        if (rank == 4 && axis == 2 && shape.h == 1) return {view, Axis::h};
        if (rank == 4 && axis == 3 && shape.w == 1) return {view, Axis::w};
        if (shape.c == 1 && may_be_channels) return {view, Axis::c};
        if (shape.w == 1) return {view, Axis::w};
        if (shape.h == 1) return {view, Axis::h};
        return {ordered(view, view.memory, {1, shape.h * shape.w, 1, shape.c}, name), Axis::w};
    }
    auto order = view.memory;
    auto begin = static_cast<std::size_t>(std::ranges::find(order, factors.front()) - order.begin());
    auto [rows, pixels] = bounds(view);
    if (begin + factors.size() > order.size() || range(order, begin, begin + factors.size()) != factors) {
        order = joined({without(order, factors), factors});
        begin = order.size() - factors.size();
        rows = pixels = begin;
    }
    auto const end = begin + factors.size();
    Placed placed{view, Axis::c};
    auto const arrange = [&](std::size_t first, std::size_t second, Axis where) {
        placed.view = ordered(view, order,
                              {1, extent(range(order, 0, first)), extent(range(order, first, second)),
                               extent(range(order, second, order.size()))},
                              name);
        placed.axis = where;
    };
    if (begin == 0 && end == rows)
        arrange(rows, pixels, Axis::h);
    else if (begin == rows && end == pixels)
        arrange(rows, pixels, Axis::w);
    else if (end == order.size() && may_be_channels)
        arrange(rows <= begin ? rows : 0, begin, Axis::c);
    else if (begin == 0)
        arrange(end, std::max(pixels, end), Axis::h);
    else
        arrange(begin, end, Axis::w);
    if (factors.size() > 1) {
        auto const merged = fresh(product(factors));
        auto& memory = placed.view.memory;
        memory.erase(memory.begin() + static_cast<std::ptrdiff_t>(begin),
                     memory.begin() + static_cast<std::ptrdiff_t>(end));
        memory.insert(memory.begin() + static_cast<std::ptrdiff_t>(begin), merged);
        placed.view.axes[axis] = {merged};
    }
    return placed;
}

}  // namespace skipstone::onnx
