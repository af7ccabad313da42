#include "cli/logmel_map.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "kernels/dsp/logmel.h"

namespace vggroove::cli {
namespace {

constexpr int kMaxTimeTicks = 12;
constexpr double kTicksHz[] = {250, 500, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 7000};

// Band b is the picture's row b; its triangle's peak is the row's middle.
std::vector<plot::Tick> frequency_ticks() {
  const double low = hz_to_mel(LogMelSpec::kLowHz), high = hz_to_mel(LogMelSpec::kHighHz);
  const double mel_per_band = (high - low) / (LogMelSpec::kNumBands + 1);
  std::vector<plot::Tick> ticks;
  for (const double hz : kTicksHz) {
    const double row = (hz_to_mel(hz) - low) / mel_per_band - 0.5;
    ticks.push_back({row / LogMelSpec::kNumBands, fmt::format("{:.0f}", hz)});
  }
  return ticks;
}

}  // namespace

plot::HeatMap logmel_map(std::span<const float> frames, const std::string& title) {
  plot::HeatMap map;
  map.values = frames;
  map.num_columns = static_cast<std::int64_t>(frames.size() / LogMelSpec::kNumBands);
  map.num_rows = LogMelSpec::kNumBands;
  map.title = title;
  map.x_label = "time (s)";
  map.y_label = "frequency (Hz, mel scale)";
  map.value_label = fmt::format("ln(mel + {})", LogMelSpec::kLogOffset);
  const double duration_s =
      static_cast<double>(map.num_columns) * LogMelSpec::kHopSamples / LogMelSpec::kSampleRateHz;
  map.x_ticks = plot::round_ticks(0, duration_s, kMaxTimeTicks);
  map.y_ticks = frequency_ticks();
  return map;
}

}  // namespace vggroove::cli
