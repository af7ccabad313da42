#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace vggroove {

struct AudioInfo {
  int sample_rate_hz = 0;
  int num_channels = 0;
  std::string format;  // "WAV", "FLAC", "MP3", ...
};

// Streams an audio file as mono fp32 samples at 16 kHz: decode, mean over the channels, resample
// (soxr HQ). Memory does not grow with the length of the file.
// Errors are Error with the path and the place: kNotFound, kUnreadable, kEmpty (zero bytes or no
// samples), kUnsupported (not audio, or a rate or channel count out of range: 4-384 kHz, 1-64
// channels), kCorrupt (decoder's words and the second where it stopped), kInvalid (NaN or infinite
// samples).
class AudioReader {
 public:
  explicit AudioReader(const std::filesystem::path& path);
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;
  ~AudioReader();

  const AudioInfo& info() const;

  // Fills `out` as far as the file goes and returns the number of samples written; 0 at the end.
  std::size_t read(std::span<float> out);

  // Seconds of audio decoded so far; the clip's duration once read() returned 0.
  double decoded_seconds() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vggroove
