#include "model/instance.hpp"

#include <algorithm>

namespace skipstone {

InstanceSplit const* InstanceBlock::find(Split split) const {
    auto const found = std::ranges::find(splits, split, &InstanceSplit::split);
    return found == splits.end() ? nullptr : &*found;
}

}  // namespace skipstone
