#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "engine/nets/vggish.h"
#include "frontend/audio/audio_reader.h"
#include "frontend/logmel/example_cutter.h"

namespace vggroove {

// One audio file on its way to examples, a block at a time, in memory that does not grow with its
// length. For one thread at a time, not always the same.
class ClipDecoder {
 public:
  // `strict` refuses clips shorter than one example; otherwise silence is added to make one.
  // Throws the reader's Error.
  ClipDecoder(const std::filesystem::path& path, bool strict,
              ExampleForm form = ExampleForm::kLogMel);

  // Writes the next examples, up to max_examples of them, to `examples` [n, example_values(form)];
  // returns n. Throws the reader's Error, or Error(kTooShort).
  std::size_t decode(float* examples, std::size_t max_examples);

  bool finished() const { return finished_; }
  bool padded() const { return padded_; }
  double decoded_seconds() const { return reader_.decoded_seconds(); }

 private:
  // Examples that are finished, up to max_examples; returns how many.
  std::size_t pop(float* examples, std::size_t max_examples);

  std::filesystem::path path_;
  bool strict_;
  ExampleForm form_;
  AudioReader reader_;
  ExampleCutter cutter_;
  std::vector<float> samples_;
  bool any_example_ = false;
  bool finished_ = false;
  bool padded_ = false;
};

}  // namespace vggroove
