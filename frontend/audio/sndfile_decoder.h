#pragma once

#include <memory>
#include <vector>

#include "frontend/audio/decoder.h"

namespace vggroove {

// WAV, FLAC, Ogg Vorbis, AIFF, AU, W64, RF64 and CAF.
class SndfileDecoder final : public Decoder {
 public:
  explicit SndfileDecoder(AudioFile& file);
  ~SndfileDecoder() override;
  std::size_t read(std::span<float> mono) override;

 private:
  struct Handle;
  AudioFile& file_;
  std::unique_ptr<Handle> handle_;
  std::vector<float> interleaved_;
};

}  // namespace vggroove
