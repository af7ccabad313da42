#pragma once

#include <memory>
#include <vector>

#include "frontend/audio/decoder.h"

namespace vggroove {

// Ogg Opus, always at 48 kHz. Lost pages are skipped, as players do.
class OggOpusDecoder final : public Decoder {
 public:
  explicit OggOpusDecoder(AudioFile& file);
  ~OggOpusDecoder() override;

  void observe(FrameTap tap) override;

 private:
  std::span<const float> decode() override;

  struct Handle;
  std::unique_ptr<Handle> handle_;
  std::vector<float> interleaved_, mono_;
};

}  // namespace vggroove
