#include "frontend/audio/audio_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "frontend/audio/audio_file.h"
#include "frontend/audio/decoder.h"
#include "frontend/audio/resampler.h"

namespace vggroove {
namespace {

constexpr int kOutputRateHz = 16000;
constexpr int kLowestRateHz = 4000, kHighestRateHz = 384000;
constexpr int kMostChannels = 64;
// Full scale is 1. 32-bit integers stored as floats reach 2^31; beyond this bound the power
// spectrum would leave the range of fp32, and the sample is as surely garbage as an infinite one.
constexpr float kLargestSample = 1e12F;

void check_range(const AudioInfo& info, const std::filesystem::path& path) {
  const char* const remedy = "; convert the file, for example with sox or ffmpeg";
  if (info.sample_rate_hz < kLowestRateHz || info.sample_rate_hz > kHighestRateHz) {
    throw Error(
        ErrorClass::kUnsupported,
        fmt::format("{}: unsupported sample rate {} Hz, taken are {} to {} Hz{}", path.string(),
                    info.sample_rate_hz, kLowestRateHz, kHighestRateHz, remedy));
  }
  if (info.num_channels < 1 || info.num_channels > kMostChannels) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: unsupported number of channels {}, taken are 1 to {}{}",
                            path.string(), info.num_channels, kMostChannels, remedy));
  }
}

}  // namespace

struct AudioReader::Impl {
  Impl(const std::filesystem::path& path, FrameTap tap) : file(path), decoder(open_decoder(file)) {
    check_range(decoder->info(), path);
    if (tap) {
      decoder->observe(std::move(tap));
    }
    if (decoder->info().sample_rate_hz != kOutputRateHz) {
      resampler.emplace(decoder->info().sample_rate_hz, kOutputRateHz);
    }
  }

  void check_values(std::span<const float> mono) const {
    const auto is_bad = [](float x) { return !(std::abs(x) <= kLargestSample); };
    int any_bad = 0;  // a loop without an exit, which the compiler vectorises
    for (const float sample : mono) {
      any_bad |= static_cast<int>(is_bad(sample));
    }
    if (any_bad != 0) {
      const auto bad = std::find_if(mono.begin(), mono.end(), is_bad);
      const double second = decoder->decoded_seconds() -
                            static_cast<double>(mono.end() - bad) / decoder->info().sample_rate_hz;
      throw Error(ErrorClass::kInvalid,
                  fmt::format("{}: the sample at {:.2f} s is {}; repair or re-encode the file",
                              file.path().string(), second, *bad));
    }
  }

  // Puts the next samples into `ready`; leaves it empty at the end of the file.
  void refill() {
    while (ready.empty() && !ended) {
      const std::span<const float> mono = decoder->next();
      check_values(mono);
      ended = mono.empty();
      if (ended && decoder->decoded_seconds() == 0) {
        throw Error(ErrorClass::kEmpty, file.path().string() + ": the file holds no audio samples");
      }
      ready = !resampler ? mono : ended ? resampler->finish() : resampler->push(mono);
    }
  }

  AudioFile file;
  std::unique_ptr<Decoder> decoder;
  std::optional<Resampler> resampler;  // none where the file is at 16 kHz
  std::span<const float> ready;        // not handed out yet
  bool ended = false;                  // decoder and resampler have given everything
};

AudioReader::AudioReader(const std::filesystem::path& path, FrameTap tap)
    : impl_(new Impl(path, std::move(tap))) {}
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;
AudioReader::~AudioReader() = default;

const AudioInfo& AudioReader::info() const {
  return impl_->decoder->info();
}

std::size_t AudioReader::read(std::span<float> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    if (impl_->ready.empty()) {
      impl_->refill();
      if (impl_->ready.empty()) {
        break;
      }
    }
    const std::size_t part = std::min(impl_->ready.size(), out.size() - done);
    std::copy_n(impl_->ready.begin(), part, out.begin() + static_cast<std::ptrdiff_t>(done));
    impl_->ready = impl_->ready.subspan(part);
    done += part;
  }
  return done;
}

double AudioReader::decoded_seconds() const {
  return impl_->decoder->decoded_seconds();
}

}  // namespace vggroove
