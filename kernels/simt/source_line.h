#pragma once

#include <span>
#include <string>
#include <vector>

namespace vggroove::simt {

// Where an instruction comes from, by the program's debug information; found by addr2line
// (binutils).
struct SourceLine {
  std::string function;  // without namespaces, parameters and return type
  std::string place;     // "kernels/dsp/logmel.cu:120"; the innermost line outside kernels/simt
};

// The lines of the calls that return to these addresses. Results are kept: an address is looked up
// once. Where nothing is known, place is the address in hexadecimal.
std::vector<SourceLine> source_lines(std::span<const void* const> return_addresses);
SourceLine source_line(const void* return_address);

// The name of the function that begins at this address.
std::string function_name(const void* address);

// "void vggroove::(anonymous namespace)::sum_kernel<true>(float const*)" -> "sum_kernel<true>"
std::string bare_function_name(std::string demangled);

}  // namespace vggroove::simt
