#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "frontend/audio/audio_file.h"
#include "frontend/audio/audio_reader.h"

namespace vggroove {

// Decodes one file to mono: the mean over the channels, at the file's own rate.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Fills `mono` and returns the number of samples; fewer than mono.size() only at the end.
  // Throws Error kIo or kCorrupt, with the second.
  virtual std::size_t read(std::span<float> mono) = 0;

  // From the file's header. Rate and channels are as the file says, in range or not.
  const AudioInfo& info() const { return info_; }

 protected:
  // Where the samples delivered so far end: " at 12.34 s".
  std::string place() const;

  AudioInfo info_;
  std::size_t decoded_samples_ = 0;
};

// Sees from the file's content which decoder it needs. Throws Error kUnsupported or kCorrupt.
std::unique_ptr<Decoder> open_decoder(AudioFile& file);

// mono[i] = mean of interleaved[i * num_channels, (i + 1) * num_channels).
void channel_mean(std::span<const float> interleaved, int num_channels, float* mono);

}  // namespace vggroove
