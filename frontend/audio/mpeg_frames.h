#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "frontend/audio/audio_file.h"
#include "frontend/audio/mpeg_header.h"

namespace vggroove {

// The first position in [begin, end) where MPEG frames follow each other at the distances that
// their headers say; a file of fewer than three frames counts. Nothing where there is none.
std::optional<std::int64_t> find_mpeg_frames(AudioFile& file, std::int64_t begin_bytes,
                                             std::int64_t end_bytes);

// The file's frames without what stands between them: damage, tags at the end, album art. A
// decoder that searches for the next frame itself takes any four bytes that look like a header,
// which random bytes do once in 5 500 positions, and answers with noise.
class MpegFrames {
 public:
  explicit MpegFrames(AudioFile& file) : file_(file) {}

  // Bytes copied to `out`: whole frames, and four zeros where something was left out, so that the
  // decoder notices and does not continue the frame before. 0 at the end; a cut frame is dropped.
  std::size_t read(std::span<unsigned char> out);

 private:
  bool load_frame();

  AudioFile& file_;
  std::int64_t next_bytes_ = 0;      // where the next frame should begin
  std::int64_t previous_bytes_ = 0;  // where the one before began
  std::optional<MpegHeader> previous_;
  std::vector<unsigned char> frame_;
  std::size_t delivered_bytes_ = 0;  // of frame_
};

}  // namespace vggroove
