#pragma once

#include <memory>
#include <vector>

#include "frontend/audio/decoder.h"

namespace vggroove {

// MPEG-1, 2 and 2.5, layers I to III. Encoder delay and padding are cut where the file tells them.
// Bytes that are no frame are skipped, as players do.
class MpegDecoder final : public Decoder {
 public:
  // `file` begins with the first frame.
  explicit MpegDecoder(AudioFile& file);
  ~MpegDecoder() override;

 private:
  std::span<const float> decode() override;
  void take_format();

  struct Handle;
  std::unique_ptr<Handle> handle_;
  int num_channels_ = 0;  // from here on; may change within a stream
  std::vector<float> interleaved_, mono_;
};

}  // namespace vggroove
