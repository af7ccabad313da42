#include "train/check/aligned_logmels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "frontend/audio/audio_reader.h"
#include "frontend/logmel/logmel_frames.h"
#include "kernels/dsp/logmel.h"

namespace vggroove {
namespace {

constexpr std::size_t kFirstBand = 8, kBands = 33;  // those of the fingerprint
constexpr std::ptrdiff_t kMostShiftedFrames = 6;
constexpr std::ptrdiff_t kFewestFrames = 100;
constexpr double kMostSeconds = 60;
constexpr std::size_t kSamplesPerRead = 16384;
// Beside the mean magnitude: what is 20 dB below it hardly counts, as noise of codecs lies there.
constexpr double kRelativeOffset = 0.1;

using Bands = std::array<float, kBands>;

// ln(mel / mean + offset): the definition's offset is absolute, and would make quiet copies flat.
std::vector<Bands> levelled(std::span<const float> logmels) {
  std::vector<Bands> frames(logmels.size() / LogMelSpec::kNumBands);
  double sum = 0;
  for (std::size_t frame = 0; frame < frames.size(); ++frame) {
    for (std::size_t band = 0; band < kBands; ++band) {
      const float logmel = logmels[frame * LogMelSpec::kNumBands + kFirstBand + band];
      const float magnitude = std::exp(logmel) - static_cast<float>(LogMelSpec::kLogOffset);
      frames[frame][band] = std::max(magnitude, 0.0F);
      sum += frames[frame][band];
    }
  }
  const double mean = sum / static_cast<double>(frames.size() * kBands);
  for (Bands& bands : frames) {
    for (float& value : bands) {
      value = static_cast<float>(std::log((mean > 0 ? value / mean : 0) + kRelativeOffset));
    }
  }
  return frames;
}

double correlation(std::span<const Bands> a, std::span<const Bands> b) {
  const auto count = static_cast<double>(a.size());
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t band = 0; band < kBands; ++band) {
    double sum_a = 0, sum_b = 0, sum_ab = 0, sum_aa = 0, sum_bb = 0;
    for (std::size_t frame = 0; frame < a.size(); ++frame) {
      const double x = a[frame][band], y = b[frame][band];
      sum_a += x;
      sum_b += y;
      sum_ab += x * y;
      sum_aa += x * x;
      sum_bb += y * y;
    }
    ab += sum_ab - sum_a * sum_b / count;
    aa += sum_aa - sum_a * sum_a / count;
    bb += sum_bb - sum_b * sum_b / count;
  }
  // Rounding of sums of squares of values of at most 5 or so, which is not a change.
  const double least = 1e-9 * count * kBands;
  return aa > least && bb > least ? ab / std::sqrt(aa * bb) : 0;
}

// Log-mels of a file from begin_s on, of a minute at most.
std::vector<float> read_logmels(const std::filesystem::path& path, double begin_s) {
  AudioReader reader(path);
  auto num_skipped = static_cast<std::size_t>(std::llround(begin_s * LogMelSpec::kSampleRateHz));
  const auto most = static_cast<std::size_t>(kMostSeconds * LogMelSpec::kSampleRateHz);
  std::vector<float> samples, part(kSamplesPerRead);
  while (samples.size() < most) {
    const std::size_t count = reader.read(part);
    if (count == 0) {
      break;
    }
    const std::size_t skipped = std::min(num_skipped, count);
    num_skipped -= skipped;
    samples.insert(samples.end(), part.begin() + static_cast<std::ptrdiff_t>(skipped),
                   part.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const auto num_frames =
      static_cast<std::size_t>(num_logmel_frames(static_cast<std::int64_t>(samples.size())));
  std::vector<float> logmels(num_frames * LogMelSpec::kNumBands);
  if (num_frames > 0) {
    logmel_frames(samples.data(), num_frames, logmels.data());
  }
  return logmels;
}

}  // namespace

double aligned_logmel_distance(std::span<const float> a, std::span<const float> b) {
  const std::vector<Bands> first = levelled(a), second = levelled(b);
  double best = 0;
  for (std::ptrdiff_t shift = -kMostShiftedFrames; shift <= kMostShiftedFrames; ++shift) {
    const std::ptrdiff_t skip_first = std::max<std::ptrdiff_t>(0, -shift);
    const std::ptrdiff_t skip_second = std::max<std::ptrdiff_t>(0, shift);
    const std::ptrdiff_t count =
        std::min(std::ssize(first) - skip_first, std::ssize(second) - skip_second);
    if (count >= kFewestFrames) {
      const auto size = static_cast<std::size_t>(count);
      best = std::max(
          best,
          correlation(std::span(first).subspan(static_cast<std::size_t>(skip_first), size),
                      std::span(second).subspan(static_cast<std::size_t>(skip_second), size)));
    }
  }
  return 1 - best;
}

double logmel_distance_of(const NearDuplicate& pair, const std::filesystem::path& first,
                          const std::filesystem::path& second) {
  return aligned_logmel_distance(read_logmels(first, std::max(0.0, -pair.offset_s)),
                                 read_logmels(second, std::max(0.0, pair.offset_s)));
}

}  // namespace vggroove
