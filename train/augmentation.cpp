#include "train/augmentation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/dsp/logmel.h"

namespace vggroove {
namespace {

constexpr std::size_t kLeastKnots = 3, kMostKnots = 6;  // of a random filter

// Uniform in [-most, most).
double either_way(double most, Random& random) {
  return most * (2 * random.uniform() - 1);
}

// The value at `position` of a row, between its neighbours; beyond the ends, the end's.
template <class Row>
double interpolated(const Row& row, std::size_t size, double position) {
  const double inside = std::clamp(position, 0.0, static_cast<double>(size - 1));
  const auto below = static_cast<std::size_t>(inside);
  const double share = inside - static_cast<double>(below);
  return (1 - share) * row(below) + share * row(std::min(below + 1, size - 1));
}

// Cuts the example out of its clip, at its own tempo and in its own bands.
void cut(std::span<float> example, std::span<const float> clip, std::size_t first_frame,
         const ExampleShape& shape, const Augmentation& augmentation, Random& random) {
  const std::size_t clip_frames = clip.size() / shape.bands;
  const auto last_frame = static_cast<double>(clip_frames - 1);
  const auto steps = static_cast<double>(shape.frames - 1);
  double tempo = 1;  // frames of the clip per frame of the example
  if (augmentation.time_stretch > 1) {
    tempo = std::pow(augmentation.time_stretch, either_way(1, random));
    tempo = std::min(tempo, last_frame / std::max(steps, 1.0));
  }
  const auto last_begin = static_cast<std::size_t>(last_frame - tempo * steps);
  const std::size_t begin =
      augmentation.random_crop ? random.below(last_begin + 1) : std::min(first_frame, last_begin);
  const double shift =
      augmentation.band_shift > 0 ? either_way(augmentation.band_shift, random) : 0;
  if (tempo == 1 && shift == 0) {
    std::copy_n(clip.begin() + static_cast<std::ptrdiff_t>(begin * shape.bands), shape.count(),
                example.begin());
    return;
  }
  std::vector<double> row(shape.bands);
  for (std::size_t frame = 0; frame < shape.frames; ++frame) {
    const double place = static_cast<double>(begin) + tempo * static_cast<double>(frame);
    for (std::size_t band = 0; band < shape.bands; ++band) {
      row[band] = interpolated([&](std::size_t f) { return clip[f * shape.bands + band]; },
                               clip_frames, place);
    }
    for (std::size_t band = 0; band < shape.bands; ++band) {
      example[frame * shape.bands + band] = static_cast<float>(interpolated(
          [&](std::size_t b) { return row[b]; }, shape.bands, static_cast<double>(band) - shift));
    }
  }
}

// Adds the gains of a random filter, in dB, to those of the bands: FilterAugment (Nam, Kim, Park
// 2022), its linear kind. At both ends and at random bands between, gains of up to max_db either
// way; in between they change steadily.
void add_random_filter(std::span<double> gains_db, double max_db, Random& random) {
  struct Knot {
    double band, gain_db;
  };
  const auto last_band = static_cast<double>(gains_db.size() - 1);
  std::vector<Knot> knots(kLeastKnots + random.below(kMostKnots - kLeastKnots + 1));
  for (Knot& knot : knots) {
    knot = {.band = last_band * random.uniform(), .gain_db = either_way(max_db, random)};
  }
  knots.front().band = 0;
  knots.back().band = last_band;
  std::sort(knots.begin(), knots.end(),
            [](const Knot& a, const Knot& b) { return a.band < b.band; });
  std::size_t next = 1;
  for (std::size_t band = 0; band < gains_db.size(); ++band) {
    const auto place = static_cast<double>(band);
    while (next + 1 < knots.size() && knots[next].band < place) {
      ++next;
    }
    const Knot &low = knots[next - 1], &high = knots[next];
    const double share = high.band > low.band ? (place - low.band) / (high.band - low.band) : 1;
    gains_db[band] += (1 - share) * low.gain_db + share * high.gain_db;
  }
}

// ln(g mel + offset) from ln(mel + offset): what a recording louder by the bands' gains would have
// given.
void change_gains(std::span<float> example, std::span<const double> gains_db) {
  std::vector<double> factors(gains_db.size());
  std::transform(gains_db.begin(), gains_db.end(), factors.begin(),
                 [](double gain_db) { return std::pow(10, gain_db / 20); });
  for (std::size_t i = 0; i < example.size(); ++i) {
    const double mel =
        std::max(0.0, std::exp(static_cast<double>(example[i])) - LogMelSpec::kLogOffset);
    example[i] =
        static_cast<float>(std::log(factors[i % factors.size()] * mel + LogMelSpec::kLogOffset));
  }
}

void mask(std::span<float> example, const ExampleShape& shape, const Augmentation& augmentation,
          Random& random) {
  const auto silence = static_cast<float>(std::log(LogMelSpec::kLogOffset));
  // [first, end) of `size`, at most max_width wide.
  const auto stripe = [&](std::size_t size, int max_width) {
    const std::size_t width =
        std::min<std::size_t>(size, random.below(static_cast<std::uint64_t>(max_width) + 1));
    const std::size_t first = random.below(size - width + 1);
    return std::pair(first, first + width);
  };
  for (int i = 0; i < augmentation.num_time_masks; ++i) {
    const auto [first, end] = stripe(shape.frames, augmentation.max_time_frames);
    std::fill(example.begin() + static_cast<std::ptrdiff_t>(first * shape.bands),
              example.begin() + static_cast<std::ptrdiff_t>(end * shape.bands), silence);
  }
  for (int i = 0; i < augmentation.num_band_masks; ++i) {
    const auto [first, end] = stripe(shape.bands, augmentation.max_bands);
    for (std::size_t frame = 0; frame < shape.frames; ++frame) {
      std::fill(example.begin() + static_cast<std::ptrdiff_t>(frame * shape.bands + first),
                example.begin() + static_cast<std::ptrdiff_t>(frame * shape.bands + end), silence);
    }
  }
}

}  // namespace

void augmented_example(std::span<float> example, std::span<const float> clip,
                       std::size_t first_frame, const ExampleShape& shape,
                       const Augmentation& augmentation, Random& random) {
  cut(example, clip, first_frame, shape, augmentation, random);
  if (augmentation.gain_db > 0 || augmentation.filter_db > 0) {
    std::vector<double> gains_db(
        shape.bands, augmentation.gain_db > 0 ? either_way(augmentation.gain_db, random) : 0);
    if (augmentation.filter_db > 0) {
      add_random_filter(gains_db, augmentation.filter_db, random);
    }
    change_gains(example, gains_db);
  }
  mask(example, shape, augmentation, random);
}

}  // namespace vggroove
