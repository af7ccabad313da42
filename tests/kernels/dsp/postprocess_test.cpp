#include "kernels/dsp/postprocess.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/kernel_traffic.h"

namespace vggroove {
namespace {

using testing::GuardedBuffer;

constexpr simt::Order kOrders[] = {simt::Order::kForward, simt::Order::kReverse,
                                   simt::Order::kRandom};

struct Parameters {
  std::vector<float> eigen_vectors, means;
};

struct Result {
  std::vector<std::uint8_t> quantized;
  int num_broken;
};

Result quantized(const std::vector<float>& embeddings, const Parameters& parameters) {
  const auto copy_of = [](const std::vector<float>& values, GuardedBuffer& buffer) {
    std::copy(values.begin(), values.end(), buffer.as<float>().begin());
    return buffer.as<float>().data();
  };
  GuardedBuffer x(embeddings.size() * sizeof(float));
  GuardedBuffer eigen_vectors(parameters.eigen_vectors.size() * sizeof(float));
  GuardedBuffer means(parameters.means.size() * sizeof(float));
  GuardedBuffer out(embeddings.size()), num_broken(sizeof(std::int32_t));
  num_broken.as<std::int32_t>()[0] = 0;
  postprocess(nullptr, out.as<std::uint8_t>().data(), num_broken.as<std::int32_t>().data(),
              copy_of(embeddings, x), copy_of(parameters.eigen_vectors, eigen_vectors),
              copy_of(parameters.means, means),
              static_cast<std::int64_t>(embeddings.size()) / kEmbeddingSize);
  const auto bytes = out.as<std::uint8_t>();
  return {{bytes.begin(), bytes.end()}, num_broken.as<std::int32_t>()[0]};
}

std::vector<float> normal(std::size_t count, float deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0, deviation);
  std::vector<float> values(count);
  std::generate(values.begin(), values.end(), [&] { return distribution(random); });
  return values;
}

// Component c of embedding x is 2 x[c] - 1: every step of the scale exactly.
TEST(Postprocess, truncates_exact_values_and_clips) {
  Parameters twice{std::vector<float>(kEmbeddingSize * kEmbeddingSize),
                   std::vector<float>(kEmbeddingSize, 0.5F)};
  for (int i = 0; i < kEmbeddingSize; ++i) {
    twice.eigen_vectors[i * kEmbeddingSize + i] = 2;
  }
  std::vector<float> embeddings;
  std::vector<std::uint8_t> expected;
  for (int i = 0; i < 3 * kEmbeddingSize; ++i) {  // from -3 to 3 in steps of 2^-6
    const float component = static_cast<float>(i - 3 * kEmbeddingSize / 2) / 64;
    embeddings.push_back((component + 1) / 2);
    expected.push_back(
        static_cast<std::uint8_t>((std::clamp(component, -2.0F, 2.0F) + 2) * 63.75F));
  }
  EXPECT_EQ(expected.front(), 0);
  EXPECT_EQ(expected.back(), 255);
  const Result result = quantized(embeddings, twice);
  EXPECT_EQ(result.quantized, expected);
  EXPECT_EQ(result.num_broken, 0);
}

TEST(Postprocess, matches_the_reference_in_any_order_of_threads) {
  const Parameters parameters{normal(kEmbeddingSize * kEmbeddingSize, 0.1F, 1),
                              normal(kEmbeddingSize, 0.3F, 2)};
  for (const int num_embeddings : {1, 15, 16, 17, 33}) {
    const auto embeddings = normal(num_embeddings * kEmbeddingSize, 1, 3);
    std::vector<double> exact(embeddings.size());
    postprocess_ref(exact.data(), embeddings.data(), parameters.eigen_vectors.data(),
                    parameters.means.data(), num_embeddings);
    // From the sum on in fp32: roundings of 2^-23 (a sum of up to 2 and one of up to 4), 63.75
    // times, and of a result of up to 255, 2^-17.
    constexpr double kTolerance = 63.75 * 0x1p-21 + 0x1p-17;
    for (const auto order : kOrders) {
      const simt::ThreadOrder in_this_order(order, 5);
      const Result result = quantized(embeddings, parameters);
      for (std::size_t i = 0; i < exact.size(); ++i) {
        const int byte = result.quantized[i];
        ASSERT_TRUE(byte <= exact[i] + kTolerance && exact[i] - kTolerance < byte + 1)
            << "component " << i << ": " << byte << " of " << exact[i];
      }
      EXPECT_GT(*std::max_element(exact.begin(), exact.end()), 230);
      EXPECT_EQ(result.num_broken, 0);
    }
  }
}

TEST(Postprocess, counts_what_is_not_finite) {
  const Parameters parameters{std::vector<float>(kEmbeddingSize * kEmbeddingSize, 0.001F),
                              std::vector<float>(kEmbeddingSize)};
  auto embeddings = normal(20 * kEmbeddingSize, 1, 4);
  embeddings[3 * kEmbeddingSize + 7] = std::numeric_limits<float>::quiet_NaN();
  embeddings[18 * kEmbeddingSize] = std::numeric_limits<float>::infinity();
  const Result result = quantized(embeddings, parameters);
  EXPECT_EQ(result.num_broken, 2 * kEmbeddingSize);
  EXPECT_EQ(result.quantized[3 * kEmbeddingSize + 100], 0);
  EXPECT_GT(result.quantized[4 * kEmbeddingSize + 100], 100);
}

TEST(Postprocess, wastes_no_sector_and_no_bank) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  quantized(normal(33 * kEmbeddingSize, 1, 6),
            {normal(kEmbeddingSize * kEmbeddingSize, 1, 7), std::vector<float>(kEmbeddingSize)});
  const auto total = simt::last_launch().total;
  EXPECT_EQ(total.global_read.transactions, total.global_read.ideal_transactions);
  EXPECT_EQ(total.global_write.transactions, total.global_write.ideal_transactions);
  testing::expect_no_bank_conflicts();
}

TEST(Postprocess, of_nothing_is_nothing) {
  postprocess(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 0);
}

}  // namespace
}  // namespace vggroove
