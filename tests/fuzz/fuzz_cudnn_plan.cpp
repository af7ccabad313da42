#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/backends/cuda/cudnn/plan_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vggroove;
  std::vector<std::byte> bytes(size);
  std::copy_n(reinterpret_cast<const std::byte*>(data), size, bytes.begin());
  for (const bool sealed : {false, true}) {
    // A fuzzer that has to guess a SHA-256 never gets past it.
    const std::string digest = sealed ? cudnn::plan_file_digest(bytes) : "";
    const auto right = std::as_bytes(std::span(digest));
    std::ranges::copy(right, bytes.begin() + (right.empty() ? 0 : 8));
    try {
      const cudnn::PlanFile plan = cudnn::read_plan_file(bytes);
      const std::string again = cudnn::write_plan_file(plan);
      if (!std::ranges::equal(std::as_bytes(std::span(again)), bytes)) {
        std::abort();  // one plan, two files
      }
    } catch (const Error&) {
      // What bytes that are no plan are meant to end in.
    }
  }
  return 0;
}
