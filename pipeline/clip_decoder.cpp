#include "pipeline/clip_decoder.h"

#include <fmt/format.h>

#include "base/error.h"

namespace vggroove {

namespace {

constexpr std::size_t kSamplesPerRead = 16384;  // 64 kB, about one example

}  // namespace

ClipDecoder::ClipDecoder(const std::filesystem::path& path, bool strict)
    : path_(path), strict_(strict), reader_(path), samples_(kSamplesPerRead) {}

std::size_t ClipDecoder::decode(float* examples, std::size_t max_examples) {
  std::size_t num_examples = 0;
  while (!finished_) {
    num_examples += logmel_.pop(examples + num_examples * LogMelSpec::kExampleValues,
                                max_examples - num_examples);
    if (num_examples == max_examples) {
      break;
    }
    const std::size_t num_samples = reader_.read(samples_);
    if (num_samples > 0) {
      logmel_.push({samples_.data(), num_samples});
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
      logmel_.pad_to_one_example();
      num_examples = logmel_.pop(examples, max_examples);
      padded_ = true;
    }
  }
  any_example_ = any_example_ || num_examples > 0;
  return num_examples;
}

}  // namespace vggroove
