#include "bench/support/fma_peak.h"

#include "bench/support/cpu_time.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/support/fma_peak.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vggroove::bench::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kChains = 12;  // two units of 4 cycles latency need 8

double measure(int repetitions) {
  const hn::CappedTag<float, 16> tag;
  const auto x = hn::Set(tag, 0.999f), y = hn::Set(tag, 0.001f);
  hn::Vec<decltype(tag)> sum[kChains];
  for (auto& chain : sum) {
    chain = hn::Zero(tag);
  }
  const double start_s = thread_cpu_s();
  for (int i = 0; i < repetitions; ++i) {
    HWY_UNROLL(12)
    for (int chain = 0; chain < kChains; ++chain) {
      sum[chain] = hn::MulAdd(sum[chain], x, y);
    }
  }
  for (int chain = 1; chain < kChains; ++chain) {
    sum[0] = hn::Add(sum[0], sum[chain]);
  }
  // A result that is kept, so that the loop is neither left out nor moved past the clock.
  [[maybe_unused]] const volatile float kept = hn::GetLane(sum[0]);
  const double elapsed_s = thread_cpu_s() - start_s;
  return 2e-9 * repetitions * kChains * static_cast<double>(hn::Lanes(tag)) / elapsed_s;
}

}  // namespace
}  // namespace vggroove::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::bench {
namespace {
HWY_EXPORT(measure);
}

double fma_peak_gflops() {
  return HWY_DYNAMIC_DISPATCH(measure)(1 << 20);
}

}  // namespace vggroove::bench
#endif  // HWY_ONCE
