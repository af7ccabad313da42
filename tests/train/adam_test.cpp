#include "train/adam.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/compare.h"

namespace vggroove {
namespace {

TEST(Adam, steps_are_those_of_pytorch_adamw) {
  std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/head/head.json");
  const nlohmann::json golden = nlohmann::json::parse(file)["adam"];
  std::vector<float> parameters = golden["start"];
  std::vector<float> weight_decay(parameters.size());
  std::fill_n(weight_decay.begin(), parameters.size() / 2, golden["weight_decay"].get<float>());
  Adam adam(golden["learning_rate"], weight_decay);
  // Parameters are below 4 and each step rounds them three times in fp32: 5 x 3 x 4 x 6e-8.
  constexpr double kTolerance = 4e-6;
  for (std::size_t step = 0; step < golden["gradients"].size(); ++step) {
    adam.step(parameters, golden["gradients"][step].get<std::vector<float>>());
    const std::vector<double> expected = golden["after"][step];
    testing::expect_within(testing::max_abs_difference<float, double>(parameters, expected),
                           kTolerance, "parameters");
  }
}

TEST(Adam, first_step_is_the_learning_rate_whatever_the_gradient) {
  Adam adam(0.25, std::vector<float>{0, 0});
  std::vector<float> parameters = {1, 1};
  adam.step(parameters, std::vector<float>{1000, -1e-3F});
  testing::expect_within(std::abs(parameters[0] - 0.75), 1e-5, "large gradient");
  testing::expect_within(std::abs(parameters[1] - 1.25), 1e-5, "small gradient");
}

}  // namespace
}  // namespace vggroove
