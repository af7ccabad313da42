#include "pipeline/clip_decoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "frontend/logmel/logmel_frames.h"

namespace vggroove {

namespace {

constexpr std::size_t kSamplesPerRead = 16384;  // 64 kB, about one example

}  // namespace

ClipDecoder::ClipDecoder(const std::filesystem::path& path, bool strict, ExampleForm form)
    : path_(path), strict_(strict), form_(form), reader_(path), samples_(kSamplesPerRead) {}

std::size_t ClipDecoder::pop(float* examples, std::size_t max_examples) {
  std::size_t num_examples = 0;
  while (num_examples < max_examples) {
    const std::span<const float> example = cutter_.pop();
    if (example.empty()) {
      break;
    }
    float* const to = examples + num_examples * example_values(form_);
    if (form_ == ExampleForm::kLogMel) {
      logmel_frames(example.data(), LogMelSpec::kExampleFrames, to);
    } else {
      std::copy(example.begin(), example.end(), to);
    }
    ++num_examples;
  }
  return num_examples;
}

std::size_t ClipDecoder::decode(float* examples, std::size_t max_examples) {
  std::size_t num_examples = 0;
  while (!finished_) {
    num_examples +=
        pop(examples + num_examples * example_values(form_), max_examples - num_examples);
    if (num_examples == max_examples) {
      break;
    }
    const std::size_t num_samples = reader_.read(samples_);
    if (num_samples > 0) {
      cutter_.push({samples_.data(), num_samples});
      continue;
    }
    finished_ = true;
    if (!any_example_ && num_examples == 0) {
      if (strict_) {
        throw Error(
            ErrorClass::kTooShort,
            fmt::format("{}: {:.3f} s is shorter than one example (0.975 s), and --strict adds no "
                        "silence",
                        path_.string(), reader_.decoded_seconds()));
      }
      cutter_.pad_to_one_example();
      num_examples = pop(examples, max_examples);
      padded_ = true;
    }
  }
  any_example_ = any_example_ || num_examples > 0;
  return num_examples;
}

}  // namespace vggroove
