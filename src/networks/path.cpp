#include "networks/path.hpp"

#include <algorithm>

namespace skipstone::networks {

Window same_window(TensorShape input, Extent kernel, Extent stride, Extent dilation) {
    Window window{kernel, stride, {}, dilation};
    auto const span = window.span();
    auto const padding = [](int extent, int step, int covered) {
        return std::max(0, (extent - 1) / step * step + covered - extent);
    };
    int const rows = padding(input.h, stride.h, span.h), columns = padding(input.w, stride.w, span.w);
    window.padding = {rows / 2, columns / 2, rows - rows / 2, columns - columns / 2};
    return window;
}

}  // namespace skipstone::networks
