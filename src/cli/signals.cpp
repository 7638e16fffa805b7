#include "cli/signals.hpp"

#include <csignal>

namespace skipstone::cli {

namespace {

// All that a signal handler can reach.
std::atomic<bool> requested{false};
std::atomic<int> last{0};

void remember(int signal) {
    last = signal;
    requested = true;
}

}  // namespace

void on_signals(OnSignal what) {
    struct sigaction action {};
    action.sa_handler = what == OnSignal::remember ? remember : what == OnSignal::ignore ? SIG_IGN : SIG_DFL;
    for (int const signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

std::atomic<bool> const& stop_requested() {
    return requested;
}

int last_signal() {
    return last;
}

}  // namespace skipstone::cli
