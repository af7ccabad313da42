#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace vggroove {

// Mono fp32 from one rate to another: soxr, quality HQ, one thread.
class Resampler {
 public:
  Resampler(int input_rate_hz, int output_rate_hz);
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;
  ~Resampler();

  // Takes all of `input` and returns what became ready, valid until the next call. The samples do
  // not depend on how the input is cut, bit for bit.
  std::span<const float> push(std::span<const float> input);
  // What is still inside, after the last push().
  std::span<const float> finish();

 private:
  std::span<const float> process(const float* input, std::size_t count);

  struct Handle;
  std::unique_ptr<Handle> handle_;
  double ratio_;
  std::vector<float> output_;
};

}  // namespace vggroove
