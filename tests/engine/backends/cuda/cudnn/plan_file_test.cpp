#include "engine/backends/cuda/cudnn/plan_file.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

#include "tests/support/expect_error.h"

namespace vggroove::cudnn {
namespace {

using testing::expect_error;

const PlanFile kPlan{.key = "cudnn 91900\nmath fp32\n",
                     .engine = 15,
                     .workspace_bytes = 76612112,
                     .plan_json = R"({"cudnnVersion":91900})"};

PlanFile read(const std::string& bytes) {
  return read_plan_file(std::as_bytes(std::span(bytes)));
}

// With a right digest, so that what stands behind it is looked at.
std::string sealed(std::string bytes) {
  return bytes.replace(8, 64, plan_file_digest(std::as_bytes(std::span(bytes))));
}

TEST(PlanFile, comes_back_as_it_was_written) {
  const PlanFile plan = read(write_plan_file(kPlan));
  EXPECT_EQ(plan.key, kPlan.key);
  EXPECT_EQ(plan.engine, kPlan.engine);
  EXPECT_EQ(plan.workspace_bytes, kPlan.workspace_bytes);
  EXPECT_EQ(plan.plan_json, kPlan.plan_json);
}

TEST(PlanFile, every_flipped_bit_is_seen) {
  const std::string good = write_plan_file(kPlan);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string damaged = good;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THROW(read(damaged), Error) << "bit " << bit;
  }
}

TEST(PlanFile, every_shorter_or_longer_file_is_seen) {
  const std::string good = write_plan_file(kPlan);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_THROW(read(good.substr(0, size)), Error) << size << " bytes";
  }
  EXPECT_THROW(read(good + "x"), Error);
}

TEST(PlanFile, sizes_are_checked_behind_a_right_digest) {
  const std::string good = write_plan_file(kPlan);
  expect_error(ErrorClass::kCorrupt, "sizes do not add up", [&] { read(sealed(good + "x")); });
  std::string wrapping = good;  // 2^32 - 1 bytes of key and of plan: more than 32 bits together
  wrapping.replace(88, 8, std::string(8, '\xff'));
  expect_error(ErrorClass::kCorrupt, "sizes do not add up", [&] { read(sealed(wrapping)); });
  std::string negative = good;
  negative[87] = '\x80';
  expect_error(ErrorClass::kCorrupt, "negative", [&] { read(sealed(negative)); });
  expect_error(ErrorClass::kCorrupt, "no plan", [&] {
    read(write_plan_file({.key = "key", .engine = 1, .workspace_bytes = 0, .plan_json = ""}));
  });
  expect_error(ErrorClass::kCorrupt, "too large",
               [&] { read(sealed(good + std::string(kMaxPlanFileBytes, ' '))); });
}

}  // namespace
}  // namespace vggroove::cudnn
