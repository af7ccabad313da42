#include "frontend/audio/decoder.h"

#include <fmt/format.h>

#include "frontend/audio/content.h"
#include "frontend/audio/mpeg_decoder.h"
#include "frontend/audio/opus_decoder.h"
#include "frontend/audio/sndfile_decoder.h"

namespace vggroove {

void channel_mean(std::span<const float> interleaved, int num_channels, float* mono) {
  const std::size_t channels = static_cast<std::size_t>(num_channels);
  const std::size_t frames = interleaved.size() / channels;
  const float* in = interleaved.data();
  if (channels == 2) {  // a loop of its own, because the compiler vectorises it
    for (std::size_t i = 0; i < frames; ++i) {
      mono[i] = (in[2 * i] + in[2 * i + 1]) * 0.5F;
    }
    return;
  }
  const float scale = 1.0F / static_cast<float>(num_channels);
  for (std::size_t i = 0; i < frames; ++i) {
    float sum = in[i * channels];
    for (std::size_t channel = 1; channel < channels; ++channel) {
      sum += in[i * channels + channel];
    }
    mono[i] = sum * scale;
  }
}

std::span<const float> Decoder::next() {
  const std::span<const float> mono = decode();
  if (mono.empty()) {
    file_->throw_if_read_failed();  // to the libraries it looked like the end of the file
  }
  decoded_samples_ += mono.size();
  return mono;
}

void Decoder::mix(std::span<const float> interleaved, int num_channels, float* mono) const {
  if (tap_ && !interleaved.empty()) {
    tap_(interleaved, num_channels);
  }
  channel_mean(interleaved, num_channels, mono);
}

double Decoder::decoded_seconds() const {
  return static_cast<double>(decoded_samples_) / info_.sample_rate_hz;
}

void Decoder::refuse_to_open(ErrorClass error_class, const std::string& words) const {
  file_->throw_if_read_failed();
  throw Error(error_class, fmt::format("{}: cannot be decoded: {}; re-encode or replace the file",
                                       file_->path().string(), words));
}

void Decoder::stop(const std::string& words) const {
  file_->throw_if_read_failed();
  throw Error(ErrorClass::kCorrupt,
              fmt::format("{}: decoding stopped at {:.2f} s: {}; repair or replace the file",
                          file_->path().string(), decoded_seconds(), words));
}

std::unique_ptr<Decoder> open_decoder(AudioFile& file) {
  switch (recognise_content(file)) {
    case AudioContent::kMpeg:
      return std::make_unique<MpegDecoder>(file);
    case AudioContent::kOpus:
      return std::make_unique<OggOpusDecoder>(file);
    case AudioContent::kLibsndfile:
      break;
  }
  return std::make_unique<SndfileDecoder>(file);
}

}  // namespace vggroove
