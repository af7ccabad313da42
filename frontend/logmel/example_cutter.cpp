#include "frontend/logmel/example_cutter.h"

#include <cstddef>

namespace vggroove {

void ExampleCutter::push(std::span<const float> samples) {
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  samples_.insert(samples_.end(), samples.begin(), samples.end());
}

std::span<const float> ExampleCutter::pop() {
  if (num_waiting() < LogMelSpec::kFirstExampleSamples) {
    return {};
  }
  const std::span<const float> example(samples_.data() + first_, LogMelSpec::kFirstExampleSamples);
  first_ += LogMelSpec::kExampleHopSamples;
  gave_example_ = true;
  return example;
}

void ExampleCutter::pad_to_one_example() {
  if (!gave_example_ && num_waiting() < LogMelSpec::kFirstExampleSamples) {
    samples_.resize(first_ + LogMelSpec::kFirstExampleSamples);
  }
}

}  // namespace vggroove
