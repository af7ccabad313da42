#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace vggroove {

struct AudioInfo {
  int sample_rate_hz = 0;
  int num_channels = 0;
  std::string format;  // "WAV", "FLAC", "Ogg Vorbis", "Opus", "MP3", "AIFF", ...
};

// Sees the decoded frames, [frames, num_channels] interleaved at the file's own rate, just before
// the mean of their channels is taken.
using FrameTap = std::function<void(std::span<const float> interleaved, int num_channels)>;

// Streams an audio file as mono fp32 samples at 16 kHz: decode, mean over the channels, resample
// (soxr HQ). Memory does not grow with the length of the file. The content decides what is
// decoded, never the name: WAV (PCM, float, ADPCM, MP3 inside, ...), FLAC, Ogg Vorbis, Opus, MP3
// (and MPEG layers I and II), AIFF, AU, W64, RF64, CAF.
//
// Errors are Error with the path and the place:
//   kNotFound; kUnreadable (may not be opened); kIo (reading failed midway);
//   kEmpty        zero bytes, or no samples;
//   kUnsupported  not audio (a directory, a web page, MP4, ...), an unknown codec, or a rate or
//                 channel count out of range: 4-384 kHz, 1-64 channels;
//   kCorrupt      a header that contradicts itself, or damage that the decoder cannot get over,
//                 with its words and the second where it stopped;
//   kInvalid      samples that are NaN, infinite or beyond 1e12 (full scale is 1).
// A file that just ends early, as a broken download or recording does, is used as far as it goes,
// whatever length its header promises (but a cut CAF is kCorrupt). Damage inside MPEG and Ogg
// streams is skipped, as players do: what was there is missing, and what follows comes that much
// earlier.
class AudioReader {
 public:
  // Opens the file and reads its header; the errors of the samples come from read().
  // `tap` sees every frame that read() goes over (Opus then decodes its channels apart, which takes
  // twice as long and may change the last bit of a sample).
  explicit AudioReader(const std::filesystem::path& path, FrameTap tap = {});
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
