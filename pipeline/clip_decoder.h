#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "frontend/audio/audio_reader.h"
#include "frontend/logmel/logmel_stream.h"

namespace vggroove {

// One audio file on its way to log-mel examples, a block at a time, in memory that does not grow
// with its length. For one thread at a time, not always the same.
class ClipDecoder {
 public:
  // `strict` refuses clips shorter than one example; otherwise silence is added to make one.
  // Throws the reader's Error.
  ClipDecoder(const std::filesystem::path& path, bool strict);

  // Writes the next examples, up to max_examples of them, to `examples` [n, 96, 64]; returns n.
  // Throws the reader's Error, or Error(kTooShort).
  std::size_t decode(float* examples, std::size_t max_examples);

  bool finished() const { return finished_; }
  bool padded() const { return padded_; }
  double decoded_seconds() const { return reader_.decoded_seconds(); }

 private:
  std::filesystem::path path_;
  bool strict_;
  AudioReader reader_;
  LogMelStream logmel_;
  std::vector<float> samples_;
  bool any_example_ = false;
  bool finished_ = false;
  bool padded_ = false;
};

}  // namespace vggroove
