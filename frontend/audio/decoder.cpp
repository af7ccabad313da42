#include "frontend/audio/decoder.h"

#include <fmt/format.h>

#include "base/error.h"
#include "frontend/audio/content.h"
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

std::string Decoder::place() const {
  return fmt::format(" at {:.2f} s", static_cast<double>(decoded_samples_) / info_.sample_rate_hz);
}

std::unique_ptr<Decoder> open_decoder(AudioFile& file) {
  recognise_content(file);
  return std::make_unique<SndfileDecoder>(file);
}

}  // namespace vggroove
