#include "kernels/nn/clip_mean.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr int kWidth = 128;      // an embedding
constexpr int kRowsOfClip = 31;  // 30 s

Prepared prepare(std::int64_t num_clips) {
  const auto clips = static_cast<int>(num_clips);
  const auto values = random_values<float>(num_clips * kRowsOfClip * kWidth, 1);
  std::vector<std::int64_t> ends(num_clips + 1);
  for (int clip = 0; clip <= clips; ++clip) {
    ends[clip] = static_cast<std::int64_t>(clip) * kRowsOfClip;
  }
  const KernelArray<float> rows(values), means(num_clips * kWidth);
  const KernelArray<std::int64_t> offsets(ends);
  return {[=](Stream stream) {
            clip_mean(stream, means.data(), rows.data(), offsets.data(), clips, kWidth);
          },
          [=] {
            std::vector<double> expected(num_clips * kWidth);
            clip_mean_ref(expected.data(), in_double(values).data(), ends.data(), clips, kWidth);
            return largest_error(in_double(means.to_host_sync()), expected,
                                 [](double) { return (kRowsOfClip + 1) * 0x1p-24; });
          },
          {.read_bytes = rows.bytes_moved(), .written_bytes = means.bytes_moved()}};
}

const Registration kCell({"nn/clip_mean", {{"clips of 30 s", "clips", 8192, 4, 0.9, prepare}}});

}  // namespace
}  // namespace vggroove::bench
