#include "kernels/nn/layout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels/kernel_test.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using testing::random_values;
using Values = std::vector<double>;

template <class OutType, class InType>
struct TypePair {
  using Out = OutType;
  using In = InType;
};

template <class Pair>
class Layout : public ::testing::Test {};
using Pairs = ::testing::Types<TypePair<float, float>, TypePair<float, BFloat16>,
                               TypePair<BFloat16, float>, TypePair<BFloat16, BFloat16>>;
TYPED_TEST_SUITE(Layout, Pairs);

TYPED_TEST(Layout, cast_rounds_every_element) {
  using In = typename TypeParam::In;
  using Out = typename TypeParam::Out;
  for (const std::int64_t count : {0, 1, 3, 4, 5, 1023, 1025, 4099}) {
    SCOPED_TRACE(count);
    DeviceArray<In> in(random_values(count, 1));
    expect_same_in_every_thread_order([&] {
      DeviceArray<Out> out(count);
      cast(nullptr, out.data(), in.data(), count);
      EXPECT_EQ(out.bytes(), DeviceArray<Out>(in.values()).bytes());  // rounded on the host
      auto bytes = out.bytes();
      bytes.push_back(0);  // not empty for count 0
      return bytes;
    });
  }
}

TYPED_TEST(Layout, cast_keeps_infinities_and_nan) {
  using In = typename TypeParam::In;
  using Out = typename TypeParam::Out;
  const double infinity = std::numeric_limits<double>::infinity();
  DeviceArray<In> in(Values{infinity, -infinity, std::nan(""), -0.0, 1});
  DeviceArray<Out> out(5);
  cast(nullptr, out.data(), in.data(), 5);
  const Values values = out.values();
  EXPECT_EQ(values[0], infinity);
  EXPECT_EQ(values[1], -infinity);
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_TRUE(std::signbit(values[3]));
  EXPECT_EQ(values[4], 1);
}

struct Size {
  std::int64_t batch;
  int rows, columns;
};

TYPED_TEST(Layout, transpose_moves_every_element) {
  using In = typename TypeParam::In;
  using Out = typename TypeParam::Out;
  for (const Size& size : {Size{1, 1, 1}, {1, 31, 33}, {2, 32, 64}, {3, 5, 97}, {1, 100, 2}}) {
    const std::int64_t batch = size.batch;
    const int rows = size.rows, columns = size.columns;
    SCOPED_TRACE(::testing::Message() << batch << " x " << rows << " x " << columns);
    const std::int64_t count = batch * rows * columns;
    const Values in = formula_integers(count, 1, 7, 251);
    Values expected(count);
    transpose_ref(expected.data(), in.data(), batch, rows, columns);
    expect_same_in_every_thread_order([&] {
      DeviceArray<In> in_device(in);
      DeviceArray<Out> out(count);
      transpose(nullptr, out.data(), in_device.data(), batch, rows, columns);
      EXPECT_EQ(out.values(), expected);
      return out.bytes();
    });
  }
}

// By their definitions, index by index.
TEST(LayoutNames, mean_what_they_say) {
  constexpr int n = 2, c = 3, h = 4, w = 5;
  const Values values = formula_integers(n * c * h * w, 0, 1, 1000);
  DeviceArray<float> nchw(values), nhwc(values.size()), back(values.size());
  nchw_to_nhwc(nullptr, nhwc.data(), nchw.data(), n, c, h, w);
  for (int i = 0; i < n; ++i) {
    for (int channel = 0; channel < c; ++channel) {
      for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
          ASSERT_EQ(nhwc.data()[((i * h + y) * w + x) * c + channel],
                    nchw.data()[((i * c + channel) * h + y) * w + x]);
        }
      }
    }
  }
  nhwc_to_nchw(nullptr, back.data(), nhwc.data(), n, h, w, c);
  EXPECT_EQ(back.values(), values);

  constexpr int taps = 9, in = 2, out = 3;
  DeviceArray<float> hwio(formula_integers(taps * in * out, 0, 1, 1000)), krsc(hwio.size()),
      again(hwio.size());
  hwio_to_krsc(nullptr, krsc.data(), hwio.data(), taps, in, out);
  for (int tap = 0; tap < taps; ++tap) {
    for (int i = 0; i < in; ++i) {
      for (int o = 0; o < out; ++o) {
        ASSERT_EQ(krsc.data()[(o * taps + tap) * in + i], hwio.data()[(tap * in + i) * out + o]);
      }
    }
  }
  krsc_to_hwio(nullptr, again.data(), krsc.data(), taps, in, out);
  EXPECT_EQ(again.values(), hwio.values());
}

TYPED_TEST(Layout, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  using In = typename TypeParam::In;
  using Out = typename TypeParam::Out;
  constexpr int kRows = 96, kColumns = 64, kCount = kRows * kColumns;
  DeviceArray<In> in(random_values(kCount, 1));
  DeviceArray<Out> out(kCount);
  cast(nullptr, out.data(), in.data(), kCount);
  testing::expect_traffic(simt::last_launch(), {kCount * sizeof(In), kCount * sizeof(Out), 1});
  transpose(nullptr, out.data(), in.data(), 1, kRows, kColumns);
  testing::expect_traffic(simt::last_launch(), {kCount * sizeof(In), kCount * sizeof(Out), 1});
}

}  // namespace
}  // namespace vggroove
