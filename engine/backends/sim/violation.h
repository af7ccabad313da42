#pragma once

#include <stdexcept>
#include <string>

namespace vggroove::sim {

// The program used CUDA or one of its libraries in a way that a real device punishes with wrong
// numbers, a crash, or nothing at all today: what the simulator exists to find. what() names the
// operation and what is wrong with it. Thrown out of a destructor it ends the program, as it
// should.
class Violation : public std::logic_error {
 public:
  explicit Violation(const std::string& message) : std::logic_error("simulated GPU: " + message) {}
};

}  // namespace vggroove::sim
