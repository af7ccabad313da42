// The head that is shipped for the released weights, as committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/heads/dense_head.h"
#include "engine/heads/postprocess.h"
#include "tests/support/compare.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;

const fs::path kFile =
    fs::path(VGGROOVE_SOURCE_DIR) / "weights" / "heads" / "audioset-genre10.safetensors";

nlohmann::json golden() {
  std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/shipped_head/shipped_head.json");
  return nlohmann::json::parse(file);
}

TEST(ShippedHead, is_a_small_head_of_ten_genres_for_the_audioset_form) {
  EXPECT_LT(fs::file_size(kFile), 300'000U);
  const auto model = weights::ModelFile::open(kFile);
  EXPECT_FALSE(model.has_network());
  const DenseHead head = DenseHead::from_model(model);
  const std::vector<std::string> genres = {"blues", "classical", "country", "disco",  "hiphop",
                                           "jazz",  "metal",     "pop",     "reggae", "rock"};
  EXPECT_EQ(head.labels, genres);
  EXPECT_EQ(golden().at("labels"), genres);
  EXPECT_EQ(head.num_inputs, 128);
  EXPECT_EQ(head.input_form, "quantized");
  EXPECT_EQ(model.metadata().training.at("clips"), 540);
}

// The golden values are of NumPy in float64, with what fp32 may lose.
TEST(ShippedHead, says_what_numpy_computes_from_its_file) {
  const nlohmann::json expected = golden();
  const DenseHead head = DenseHead::from_model(weights::ModelFile::open(kFile));
  const auto num_clips = expected.at("quantized").size();
  ASSERT_EQ(num_clips, 3U);
  for (std::size_t clip = 0; clip < num_clips; ++clip) {
    const std::vector<std::uint8_t> quantized = expected["quantized"][clip];
    const std::vector<double> of_numpy = expected["probabilities"][clip];
    std::vector<float> inputs(quantized.size());
    dequantize(quantized.data(), quantized.size(), inputs.data());
    const std::vector<float> ours =
        head.clip_probabilities(inputs.data(), inputs.size() / head.mean.size());
    testing::expect_within(testing::max_abs_difference(std::span<const float>(ours),
                                                       std::span<const double>(of_numpy)),
                           expected["tolerance"], "probabilities");
  }
}

}  // namespace
}  // namespace vggroove
