#pragma once

#include <memory>
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
  std::unique_ptr<Handle> handle_;
  std::vector<float> interleaved_, mono_;
  bool ended_ = false;
};

}  // namespace vggroove
