#pragma once

#include <string>

namespace skipstone::trace {

class Reader;

// What "the same trace" means: SHA-256, as hex, of the committed rows of all tables but the
// columns host_*, plan_host_s and /clocks. Columns that hold only their defaults do not enter it where version 1 lacks
// them: what such a program ran has one digest in both versions. It depends on names and values alone: not on chunks,
// attributes or what lies between the columns; −0 is 0, and all NaNs are one. Throws InputError when the path is no
// trace.
std::string digest(std::string const& path);
std::string digest(Reader const& trace);

}  // namespace skipstone::trace
