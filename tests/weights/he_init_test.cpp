#include "weights/he_init.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "tests/weights/golden.h"
#include "weights/float_conversion.h"
#include "weights/model_file.h"
#include "weights/npz.h"

namespace vggroove::weights {
namespace {

// Distance in representable numbers; positive and negative zero are one.
std::int64_t ulps_between(float a, float b) {
  const auto ordered = [](float value) {
    const auto bits = std::bit_cast<std::int32_t>(value);
    return bits < 0 ? -std::int64_t{bits & 0x7fffffff} : std::int64_t{bits};
  };
  return std::abs(ordered(a) - ordered(b));
}

// NumPy and we both take log, sine and cosine from libraries that err by less than one ulp of
// double; that moves a rounded float by one ulp at most.
TEST(HeInit, equals_its_definition_in_numpy) {
  const auto golden = read_npz(weights::testing::golden("he_init.npz"));
  ASSERT_EQ(golden.size(), 27u);
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    for (std::size_t tensor = 0; tensor < 18; tensor += 2) {
      const std::string key = std::to_string(seed) + "/" + std::to_string(tensor);
      std::vector<float> expected(16), values(16);
      convert_to_fp32(DType::kF32, golden.at(key).tensor.data, expected);
      const std::int64_t count = num_elements(vggish_tensors()[tensor].shape);
      he_init(seed, tensor, 0, std::span(values).first(8));
      he_init(seed, tensor, count - 8, std::span(values).last(8));
      for (std::size_t i = 0; i < 16; ++i) {
        EXPECT_LE(ulps_between(values[i], expected[i]), 1) << key << " value " << i;
      }
    }
  }
}

TEST(HeInit, does_not_depend_on_the_pieces) {
  std::vector<float> whole(1001);
  he_init(5, 2, 0, whole);
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 64u}) {
    std::vector<float> pieces(whole.size());
    for (std::size_t i = 0; i < whole.size(); i += piece) {
      he_init(5, 2, static_cast<std::int64_t>(i),
              std::span(pieces).subspan(i, std::min(piece, whole.size() - i)));
    }
    EXPECT_EQ(pieces, whole) << piece;
  }
}

TEST(HeInit, differs_between_seeds_and_tensors_and_leaves_biases_zero) {
  std::vector<float> a(64), b(64), c(64), biases(64, 1.0f);
  he_init(1, 2, 0, a);
  he_init(2, 2, 0, b);
  he_init(1, 6, 0, c);
  he_init(1, 3, 0, biases);
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
  EXPECT_EQ(biases, std::vector<float>(64));
}

// Mean and variance of n normal numbers scatter by 1/sqrt(n) and sqrt(2/n): five times that for
// each of the nine tensors, and correlation of neighbours (both of a pair come of two numbers).
TEST(HeInit, has_the_moments_of_a_normal_distribution) {
  constexpr std::size_t kCount = 73'728;
  for (std::size_t tensor = 2; tensor < 18; tensor += 2) {
    const TensorSpec& spec = vggish_tensors()[tensor];
    std::vector<float> values(kCount);
    he_init(1, tensor, 0, values);
    const double scale = std::sqrt(static_cast<double>(num_elements(spec.shape)) /
                                   static_cast<double>(spec.shape.back()) / 2.0);
    double mean = 0, square = 0, fourth = 0, neighbours = 0, last = 0;
    for (const float value : values) {
      const double z = value * scale;
      mean += z / kCount;
      square += z * z / kCount;
      fourth += z * z * z * z / kCount;
      neighbours += z * last / kCount;
      last = z;
    }
    const double deviation = 1 / std::sqrt(static_cast<double>(kCount));
    EXPECT_LE(std::abs(mean), 5 * deviation) << spec.name;
    EXPECT_LE(std::abs(square - 1), 5 * std::sqrt(2.0) * deviation) << spec.name;
    EXPECT_LE(std::abs(fourth - 3), 5 * std::sqrt(96.0) * deviation) << spec.name;
    EXPECT_LE(std::abs(neighbours), 5 * deviation) << spec.name;
  }
}

}  // namespace
}  // namespace vggroove::weights
