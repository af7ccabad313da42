#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "frontend/audio/audio_file.h"
#include "frontend/audio/audio_reader.h"

namespace vggroove {

// Decodes one file to mono: the mean over the channels, at the file's own rate.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // The next samples, some thousands at most, valid until the next call; empty at the end.
  // Throws Error kIo or kCorrupt, with the second.
  std::span<const float> next();

  // From the file's header. Rate and channels are as the file says, in range or not.
  const AudioInfo& info() const { return info_; }

  double decoded_seconds() const;

  // Before the first next(): `tap` sees the frames before their mean is taken.
  virtual void observe(FrameTap tap) { tap_ = std::move(tap); }

 protected:
  explicit Decoder(const AudioFile& file) : file_(&file) {}

  virtual std::span<const float> decode() = 0;

  // channel_mean(), and shows the frames to the tap.
  void mix(std::span<const float> interleaved, int num_channels, float* mono) const;

  // Throw Error of `error_class`, or kCorrupt with the second where decoding stopped; with the
  // decoder library's `words`. Both throw kIo instead where reading the file had failed.
  [[noreturn]] void refuse_to_open(ErrorClass error_class, const std::string& words) const;
  [[noreturn]] void stop(const std::string& words) const;

  AudioInfo info_;

 private:
  const AudioFile* file_;
  std::size_t decoded_samples_ = 0;
  FrameTap tap_;
};

// Sees from the file's content which decoder it needs. Throws Error kUnsupported or kCorrupt.
std::unique_ptr<Decoder> open_decoder(AudioFile& file);

// mono[i] = mean of interleaved[i * num_channels, (i + 1) * num_channels).
void channel_mean(std::span<const float> interleaved, int num_channels, float* mono);

}  // namespace vggroove
