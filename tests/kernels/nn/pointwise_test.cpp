#include "kernels/nn/pointwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/kernels/kernel_test.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using testing::joined;
using Values = std::vector<double>;

template <class T>
class PointwiseOf : public ::testing::Test {};
using Types = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(PointwiseOf, Types);

// Small integers: every result is exact. Counts around a thread's and a block's share.
TYPED_TEST(PointwiseOf, gradients_pass_open_relus_and_add_up) {
  for (const std::int64_t count : {1, 3, 4, 5, 1023, 1024, 1025, 4099}) {
    SCOPED_TRACE(count);
    const Values a = formula_integers(count, 3, 5, 101), b = formula_integers(count, 7, 1, 11);
    Values masked = a, summed = a;
    relu_bwd_ref(masked.data(), b.data(), count);
    accumulate_ref(summed.data(), b.data(), count);
    expect_same_in_every_thread_order([&] {
      DeviceArray<TypeParam> grad(a), other(b);
      DeviceArray<float> sum(a);
      relu_bwd(nullptr, grad.data(), other.data(), count);
      accumulate(nullptr, sum.data(), other.data(), count);
      EXPECT_EQ(grad.values(), masked);
      EXPECT_EQ(sum.values(), summed);
      return joined({grad.bytes(), sum.bytes()});
    });
  }
}

TYPED_TEST(PointwiseOf, a_nan_behind_a_relu_lets_the_gradient_through) {
  DeviceArray<TypeParam> grad(Values{1, 2, 3, 4, 5}), x(Values{0, std::nan(""), -0.0, 1e-30, -1});
  relu_bwd(nullptr, grad.data(), x.data(), 5);
  EXPECT_EQ(grad.values(), (Values{0, 2, 0, 4, 0}));
}

TYPED_TEST(PointwiseOf, standardisation_and_its_gradient_are_the_reference) {
  constexpr int kWidth = 33;
  for (const std::int64_t n : {1, 7, 8, 40}) {
    SCOPED_TRACE(n);
    const Values x = formula_integers(n * kWidth, 3, 5, 101),
                 mean = formula_integers(kWidth, 7, 1, 11),
                 scale = formula_integers(kWidth, 5, 3, 13);
    Values y(x.size()), grad_x(x.size());
    standardise_ref(y.data(), x.data(), mean.data(), scale.data(), n, kWidth);
    standardise_bwd_ref(grad_x.data(), x.data(), scale.data(), n, kWidth);
    expect_same_in_every_thread_order([&] {
      DeviceArray<TypeParam> x_device(x), out(x.size());
      DeviceArray<float> mean_device(mean), scale_device(scale);
      standardise(nullptr, out.data(), x_device.data(), mean_device.data(), scale_device.data(), n,
                  kWidth);
      EXPECT_EQ(out.values(), DeviceArray<TypeParam>(y).values());  // rounded once
      standardise_bwd(nullptr, out.data(), x_device.data(), scale_device.data(), n, kWidth);
      EXPECT_EQ(out.values(), DeviceArray<TypeParam>(grad_x).values());
      return out.bytes();
    });
  }
}

TEST(Pointwise, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  DeviceArray<float> grad(Values(8192, 1.0)), x(Values(8192, 1.0));
  relu_bwd(nullptr, grad.data(), x.data(), 8192);
  testing::expect_traffic(simt::last_launch(), {2 * 8192 * 4, 8192 * 4});
}

}  // namespace
}  // namespace vggroove
