#include "kernels/dsp/logmel.h"

#include <algorithm>
#include <type_traits>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

// Of v4, issue slots of a thread and frame (logmel.cu); 16 threads share a frame. A slot could have
// been a multiply-add, so it counts as two operations.
constexpr double kOperationsOfFrame = 2.0 * 530 * 16;

// One clip of noise.
template <class Out, class In>
Prepared v4(std::int64_t examples) {
  const std::int64_t samples =
      LogMelSpec::kFirstExampleSamples + (examples - 1) * LogMelSpec::kExampleHopSamples;
  constexpr float kFullScale = std::is_same_v<In, std::int16_t> ? 32768 : 1;
  std::vector<In> noise;
  for (const float value : random_values<float>(samples, 1)) {
    noise.push_back(static_cast<In>(0.999F * kFullScale * value));
  }
  const KernelArray<In> pcm(noise);
  const KernelArray<std::int64_t> starts(logmel_example_starts({{0, samples}}));
  const KernelArray<Out> logmel(examples * LogMelSpec::kExampleValues);
  const int max_blocks = kLogmelBlocksPerMultiprocessor * num_multiprocessors();
  return {[=](Stream stream) {
            vggroove::logmel(stream, logmel.data(), pcm.data(), starts.data(), examples,
                             max_blocks);
          },
          [=] {
            std::vector<double> first_example(LogMelSpec::kFirstExampleSamples);
            std::transform(noise.begin(), noise.begin() + LogMelSpec::kFirstExampleSamples,
                           first_example.begin(),
                           [](In sample) { return static_cast<double>(sample) / kFullScale; });
            std::vector<double> expected(LogMelSpec::kExampleValues);
            logmel_ref(first_example.data(), LogMelSpec::kFirstExampleSamples, expected.data());
            // fp32 behind the power spectrum (logmel_test.cpp), and the rounding of a value
            // below 8.
            return largest_error(in_double(logmel.to_host_sync()), expected,
                                 [](double) { return 3.2e-6 + 8 * kRounding<Out>; });
          },
          {.read_bytes = pcm.bytes_moved(),
           .written_bytes = logmel.bytes_moved(),
           .fp64_operations =
               kOperationsOfFrame * static_cast<double>(examples * LogMelSpec::kExampleFrames)}};
}

// Shared memory, which the roofline of a floor does not know, takes 159 clocks a frame to FP64's
// 133: 80 % of the one are 67 % of the other.
constexpr double kGoal = 0.67;

const Registration kCell({"dsp/logmel",
                          {{"v4, fp32", "examples", 4096, 3, kGoal, v4<float, std::int16_t>},
                           {"v4, bf16", "examples", 4096, 3, kGoal, v4<BFloat16, std::int16_t>},
                           {"v4, fp32 from fp32", "examples", 4096, 3, kGoal, v4<float, float>}}});

}  // namespace
}  // namespace vggroove::bench
