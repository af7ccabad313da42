#include "kernels/dsp/resample.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr int kInputHz = 44100, kOutputHz = 16000, kChannels = 2;
// The reference takes the beginning, and is right as far as it does not feel the cut.
constexpr std::int64_t kVerifiedFrames = 1764, kVerifiedOutputs = 500;

// One clip of stereo, in tenths of seconds.
Prepared prepare(std::int64_t tenths) {
  const std::int64_t frames = tenths * kInputHz / 10;
  std::vector<std::int16_t> noise;
  for (const float value : random_values<float>(frames * kChannels, 1)) {
    noise.push_back(static_cast<std::int16_t>(20000 * value));
  }
  const ResampleFilter filter = make_resample_filter(kInputHz, kOutputHz);
  const std::int64_t outputs = num_resampled(frames, filter.up, filter.down);
  const KernelArray<std::int16_t> input(noise), output(outputs);
  const KernelArray<float> coefficients(filter.coefficients);
  const KernelArray<ResampleClip> clips(std::vector<ResampleClip>{{0, frames, 0}});
  return {[=](Stream stream) {
            resample(stream, output.data(), input.data(), clips.data(), 1, outputs, kChannels,
                     filter, coefficients.data());
          },
          [=] {
            std::vector<double> beginning(noise.begin(),
                                          noise.begin() + kVerifiedFrames * kChannels);
            std::vector<double> expected(num_resampled(kVerifiedFrames, filter.up, filter.down));
            resample_ref(expected.data(), beginning.data(), kVerifiedFrames, kChannels, kInputHz,
                         kOutputHz);
            expected.resize(kVerifiedOutputs);
            const auto samples = output.to_host_sync();
            const std::vector<double> actual(samples.begin(), samples.end());
            // Half a step, and 300 roundings of fp32 of a sum below 3 full scales.
            return largest_error(actual, expected,
                                 [](double) { return 0.5 + 300 * 3 * 32768 * 0x1p-24; });
          },
          {.read_bytes = input.bytes_moved(),
           .written_bytes = output.bytes_moved(),
           .fp32_operations = 2.0 * filter.taps * static_cast<double>(outputs)}};
}

const Registration kCell(
    {"dsp/resample", {{"44.1 kHz stereo to 16 kHz", "tenths of a second", 6000, 1, 0.5, prepare}}});

}  // namespace
}  // namespace vggroove::bench
