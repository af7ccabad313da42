#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frontend/audio/decoder.h"

namespace vggroove {

// WAV, FLAC, Ogg Vorbis, AIFF, AU, W64, RF64, CAF, and Opus of more than two channels.
class SndfileDecoder final : public Decoder {
 public:
  explicit SndfileDecoder(AudioFile& file);
  ~SndfileDecoder() override;

 private:
  std::span<const float> decode() override;

  struct Handle;
  AudioFile& file_;
  std::unique_ptr<Handle> handle_;
  std::vector<float> interleaved_, mono_;
  std::int64_t missing_frames_ = 0;  // of those that the header promises
  bool ended_ = false;
  std::string failure_;  // libsndfile's words, for after the samples that came before it
};

}  // namespace vggroove
