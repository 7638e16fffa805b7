#include "cli/process_age.hpp"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace skipstone::cli {

std::optional<double> process_age_s() {
    std::ifstream file("/proc/self/stat");
    std::string text;
    std::getline(file, text);
    // proc(5): the program's name in parentheses is the second field, starttime in clock ticks since boot the 22nd.
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 22; ++field) fields >> skipped;
    double ticks = 0;
    timespec now{};
    if (!(fields >> ticks) || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return std::nullopt;
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) -
           ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace skipstone::cli
