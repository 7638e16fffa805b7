#pragma once

#include <atomic>

namespace skipstone::cli {

// What SIGINT and SIGTERM do from now on.
enum class OnSignal { remember, ignore, end };
void on_signals(OnSignal what);

// Becomes true when a signal was remembered.
std::atomic<bool> const& stop_requested();
// The signal that was remembered; 0: none.
int last_signal();

}  // namespace skipstone::cli
