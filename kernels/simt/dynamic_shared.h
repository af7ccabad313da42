#pragma once

#include <cstddef>
#include <memory>

namespace vggroove::simt {

// The dynamic shared memory of the block that runs. It is larger than any launch may ask for, so
// that the checks can tell an access beyond the end from one to another allocation.
class DynamicShared {
 public:
  static constexpr std::size_t kCapacityBytes = 128 * 1024;
  static constexpr std::size_t kAlignment = 1024;

  DynamicShared();

  // Fills what the block asked for with 0xff, which is NaN in every floating-point format: a kernel
  // that reads what it did not write shows it. AddressSanitizer refuses the rest.
  void block_begins(std::size_t bytes);

  std::byte* data() { return memory_.get(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
};

}  // namespace vggroove::simt
