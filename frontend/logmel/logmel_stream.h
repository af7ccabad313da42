#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "kernels/dsp/logmel.h"

namespace vggroove {

// Frames of log-mel from samples, with the SIMD of this machine (run-time dispatch).
//   samples  at least (num_frames - 1) * 160 + 400 values: mono, 16 kHz
//   logmel   [num_frames, 64] row-major
// Within 2e-6 of logmel_ref where no sample exceeds full scale. A frame's values do not depend on
// its neighbours or on num_frames, bit for bit. NaN samples give NaN in their frames; infinite or
// enormous ones (beyond 1e16) give values without meaning, there only.
void logmel_frames(const float* samples, std::size_t num_frames, float* logmel);

// Cuts a stream of samples into finished examples [96, 64].
class LogMelStream {
 public:
  LogMelStream();
  ~LogMelStream();
  LogMelStream(LogMelStream&&) noexcept;
  LogMelStream& operator=(LogMelStream&&) noexcept;

  // Takes samples of any number; keeps what does not fill an example yet.
  void push(std::span<const float> samples);

  // Writes up to max_examples finished examples to `examples` [n, 96, 64]; returns n.
  std::size_t pop(float* examples, std::size_t max_examples);

  // At the end of a clip that gave no example: pads with silence to exactly one.
  void pad_to_one_example();

  void reset();  // forget everything, ready for the next clip

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vggroove
