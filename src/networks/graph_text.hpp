#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "model/network.hpp"
#include "units/error.hpp"

// Networks as text: JSON without blanks and without single quotes, format "skipstone-graph" version 1.
//
//     {"format":"skipstone-graph","version":1,
//      "input":[32,32,3],                       rows, columns and channels of an image
//      "input_axes":"hwc","output_axes":"c",    Blueprint::input_axes, output_axes
//      "output":2,                              a tensor: 0 is the input, i what operator i gives, counted from 1
//      "blocks":["stem",…],"stages":[1,…],      Blueprint::block_names, stages; where there are some
//      "operators":[
//        {"name":"conv1","is":"convolution","kernel":[3,3],"padding":[1,1,1,1],"outputs":16},
//        {"name":"relu1","is":"ReLU","reads":[1]},…]}
//
// "is" is name_of(); the other keys are the members of the operator in model/operator.hpp. A key whose value is the
// member's default is left out; so is "reads" where it is the tensor before, and "weights" where it is the name.
namespace skipstone::networks {

inline constexpr std::string_view graph_format = "skipstone-graph";
inline constexpr int graph_version = 1;
inline constexpr std::size_t most_operators = 100'000;
inline constexpr std::size_t longest_operator_name = 255;            // bytes
inline constexpr std::size_t longest_graph = std::size_t{16} << 20;  // bytes of text

// The text of a network that read_graph() takes; read again it gives the same network, and the same text. Throws
// InputError when it has more operators, or a name that is not UTF-8.
std::string graph_text(Blueprint const& blueprint);

// The network of a text. place: what messages begin with. Throws InputError, naming operator and key, when the text is
// no graph of this version, when the operators do not fit together, or when a limit above is exceeded; the names of
// weights must be such that an HDF5 file can have them.
Blueprint read_graph(std::string_view text, InputPlace const& place);

}  // namespace skipstone::networks
