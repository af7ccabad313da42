#include "frontend/logmel/logmel_stream.h"

#include <cstddef>
#include <vector>

namespace vggroove {

// Samples wait here until an example is asked for: a frame is always computed from the samples
// themselves, so where the pushes were cut cannot show.
struct LogMelStream::Impl {
  std::vector<float> samples;
  std::size_t first = 0;  // samples before it are used up
  bool gave_example = false;

  std::size_t num_waiting() const { return samples.size() - first; }
};

LogMelStream::LogMelStream() : impl_(std::make_unique<Impl>()) {}
LogMelStream::~LogMelStream() = default;
LogMelStream::LogMelStream(LogMelStream&&) noexcept = default;
LogMelStream& LogMelStream::operator=(LogMelStream&&) noexcept = default;

void LogMelStream::push(std::span<const float> samples) {
  std::vector<float>& waiting = impl_->samples;
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(impl_->first));
  impl_->first = 0;
  waiting.insert(waiting.end(), samples.begin(), samples.end());
}

std::size_t LogMelStream::pop(float* examples, std::size_t max_examples) {
  std::size_t num_examples = 0;
  while (num_examples < max_examples && impl_->num_waiting() >= LogMelSpec::kFirstExampleSamples) {
    logmel_frames(impl_->samples.data() + impl_->first, LogMelSpec::kExampleFrames,
                  examples + num_examples * LogMelSpec::kExampleValues);
    impl_->first += LogMelSpec::kExampleHopSamples;
    impl_->gave_example = true;
    ++num_examples;
  }
  return num_examples;
}

void LogMelStream::pad_to_one_example() {
  if (!impl_->gave_example && impl_->num_waiting() < LogMelSpec::kFirstExampleSamples) {
    impl_->samples.resize(impl_->first + LogMelSpec::kFirstExampleSamples);
  }
}

void LogMelStream::reset() {
  impl_->samples.clear();
  impl_->first = 0;
  impl_->gave_example = false;
}

}  // namespace vggroove
