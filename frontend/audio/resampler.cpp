#include "frontend/audio/resampler.h"

#include <soxr.h>

#include <stdexcept>
#include <string>

namespace vggroove {
namespace {

// soxr gives out its DFT blocks in bursts; room for one more than the steady state needs.
constexpr std::size_t kBurstSamples = std::size_t{8} << 10;

void check(soxr_error_t error) {
  if (error != nullptr) {
    throw std::runtime_error(std::string("soxr: ") + error);
  }
}

}  // namespace

struct Resampler::Handle {
  soxr_t soxr = nullptr;
  ~Handle() { soxr_delete(soxr); }
};

Resampler::Resampler(int input_rate_hz, int output_rate_hz)
    : handle_(new Handle), ratio_(static_cast<double>(output_rate_hz) / input_rate_hz) {
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
  // 8 % over the default of 10, equal to 3e-7; 13 and more lose a quarter. The size of the blocks
  // pushed matters less than 5 % between 1 k and 128 k samples.
  runtime.log2_min_dft_size = 12;
  soxr_error_t error = nullptr;
  handle_->soxr = soxr_create(input_rate_hz, output_rate_hz, 1, &error, &io, &quality, &runtime);
  check(error);
}

Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;
Resampler::~Resampler() = default;

std::span<const float> Resampler::push(std::span<const float> input) {
  return process(input.data(), input.size());
}

std::span<const float> Resampler::finish() {
  return process(nullptr, 0);
}

std::span<const float> Resampler::process(const float* input, std::size_t count) {
  std::size_t taken = 0, filled = 0;
  for (;;) {
    const std::size_t expected =
        static_cast<std::size_t>(static_cast<double>(count - taken) * ratio_) + kBurstSamples;
    if (output_.size() < filled + expected) {
      output_.resize(filled + expected);
    }
    std::size_t now_taken = 0, now_filled = 0;
    check(soxr_process(handle_->soxr, input == nullptr ? nullptr : input + taken, count - taken,
                       &now_taken, output_.data() + filled, output_.size() - filled, &now_filled));
    taken += now_taken;
    filled += now_filled;
    if (taken == count && filled < output_.size()) {
      return std::span(output_).first(filled);
    }
  }
}

}  // namespace vggroove
