#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace skipstone {

// Where in the user's input something is wrong. Empty fields are unknown; line counts from 1, 0 is unknown.
struct InputPlace {
    std::string file;
    int line = 0;
    std::string key;
};

// A text as it may be shown on a terminal: control characters but newline and tab as "\x1b", the others as they are.
std::string printable(std::string_view text);

// The user's input is wrong. what() is printable and reads "file:line: key: problem (why it is one); suggestion". Exit
// status 2.
class InputError : public std::runtime_error {
  public:
    explicit InputError(std::string const& message);
    InputError(InputPlace place, std::string const& message);

    InputPlace const& place() const { return place_; }

  private:
    InputPlace place_;
};

// The surroundings failed: MPI, HDF5, oneDNN, the file system. what() names the call and its message. Exit status 1.
class EnvironmentError : public std::runtime_error {
  public:
    EnvironmentError(std::string const& call, std::string const& message)
        : std::runtime_error(printable(call + ": " + message)) {}
    // For failed system calls: takes the message from errno.
    static EnvironmentError from_errno(std::string const& call);
};

// A bug of ours: a broken contract.
class ContractError : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

[[noreturn]] void contract_failed(char const* kind, char const* condition, char const* file, int line);

}  // namespace skipstone

// A condition that the caller owes; checked in every build.
#define SKIPSTONE_EXPECT(condition) \
    ((condition) ? void(0) : ::skipstone::contract_failed("precondition", #condition, __FILE__, __LINE__))
// A condition that we owe; checked in every build.
#define SKIPSTONE_ENSURE(condition) \
    ((condition) ? void(0) : ::skipstone::contract_failed("internal condition", #condition, __FILE__, __LINE__))
