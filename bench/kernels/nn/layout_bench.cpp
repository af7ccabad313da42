#include "kernels/nn/layout.h"

#include <cmath>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

// Masters of the weights to what the network computes with, and gradients back.
template <class Out, class In>
Prepared casts(std::int64_t count) {
  const auto input = random_values<In>(count, 1);
  const KernelArray<In> in(input);
  const KernelArray<Out> out(count);
  return {[=](Stream stream) { cast(stream, out.data(), in.data(), count); },
          [=] {
            return largest_error(in_double(out.to_host_sync()), in_double(input), [](double value) {
              return kRounding<Out> * std::abs(value) + 1e-300;
            });
          },
          {.read_bytes = in.bytes_moved(), .written_bytes = out.bytes_moved()}};
}

// A 3x3 convolution's filters, to 512 channels.
Prepared filters(std::int64_t in_channels) {
  constexpr int kTaps = 9, kOut = 512;
  const int in = static_cast<int>(in_channels);
  const auto input = random_values<float>(kTaps * in_channels * kOut, 1);
  const KernelArray<float> hwio(input);
  const KernelArray<BFloat16> krsc(hwio.size());
  return {[=](Stream stream) { hwio_to_krsc(stream, krsc.data(), hwio.data(), kTaps, in, kOut); },
          [=] {
            std::vector<double> expected(input.size());
            transpose_ref(expected.data(), in_double(input).data(), 1, kTaps * in, kOut);
            return largest_error(in_double(krsc.to_host_sync()), expected, [](double value) {
              return kRounding<BFloat16> * std::abs(value) + 1e-300;
            });
          },
          {.read_bytes = hwio.bytes_moved(), .written_bytes = krsc.bytes_moved()}};
}

const Registration kCell(
    {"nn/layout",
     {{"cast, fp32 to bf16", "elements", 1 << 26, 1 << 14, 0.9, casts<BFloat16, float>},
      {"cast, bf16 to fp32", "elements", 1 << 26, 1 << 14, 0.9, casts<float, BFloat16>},
      {"filters HWIO to KRSC, fp32 to bf16", "input channels", 4096, 16, 0.8, filters}}});

}  // namespace
}  // namespace vggroove::bench
