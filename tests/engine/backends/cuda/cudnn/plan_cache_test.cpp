#include "engine/backends/cuda/cudnn/plan_cache.h"

#include <cudnn.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/backends/cuda/cudnn/plan_file.h"
#include "tests/engine/backends/cuda/cudnn/plan_table.h"
#include "tests/support/temporary_folder.h"

namespace vggroove::cudnn {
namespace {

constexpr PlanOptions kStrict{.math = MathMode::kFp32};

DeviceProperties device(const std::string& name) {
  return described_device(std::filesystem::path(VGGROOVE_SOURCE_DIR) /
                          "tests/engine/backends/cuda/cudnn/devices" / (name + ".json"));
}

Graph graph(ConvPass pass = ConvPass::kFprop) {
  const NamedConv conv2 = vggish_convolutions(2)[1];
  return conv_graph(conv2.name, pass, conv2.shape, MathMode::kFp32);
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void overwrite(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// What a new cache on `folder` does for graph() when asked twice.
PlanCache::Counts ask_twice(const std::filesystem::path& folder,
                            const std::string& device_name = "sm_90") {
  PlanCache cache(device(device_name), folder);
  const auto plan = cache.get(graph(), kStrict);
  EXPECT_EQ(cache.get(graph(), kStrict), plan);
  EXPECT_FALSE(plan->notes().tensor_cores);
  EXPECT_EQ(cache.counts().from_memory, 1);
  return cache.counts();
}

TEST(PlanCache, second_run_takes_the_plan_from_disk) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "below/cudnn";
  const PlanCache::Counts first = ask_twice(path);
  EXPECT_EQ(first.found, 1);
  EXPECT_EQ(first.from_disk + first.unusable + first.not_written, 0);
  const PlanCache::Counts second = ask_twice(path);
  EXPECT_EQ(second.from_disk, 1);
  EXPECT_EQ(second.found + second.unusable + second.not_written, 0);

  PlanCache in_memory(device("sm_90"), {});
  PlanCache on_disk(device("sm_90"), path);
  const auto found = in_memory.get(graph(), kStrict);
  const auto loaded = on_disk.get(graph(), kStrict);
  EXPECT_EQ(on_disk.counts().from_disk, 1);
  EXPECT_EQ(loaded->notes().engine, found->notes().engine);
  EXPECT_EQ(loaded->workspace_bytes(), found->workspace_bytes());
  EXPECT_EQ(loaded->json(), found->json());
}

TEST(PlanCache, device_options_and_graph_all_count) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(ask_twice(folder.path()).found, 1);
  EXPECT_EQ(ask_twice(folder.path(), "sm_80").found, 1);
  PlanCache cache(device("sm_90"), folder.path());
  cache.get(graph(ConvPass::kDgrad), kStrict);
  cache.get(graph(), {.math = MathMode::kTf32});
  cache.get(graph(), {.workspace_limit_bytes = 0});
  EXPECT_EQ(cache.counts().found, 3);
  EXPECT_EQ(cache.counts().unusable, 0);
}

// A folder with one good plan for graph(), whose file a test damages.
class PlanCacheFile : public ::testing::Test {
 protected:
  PlanCacheFile() {
    PlanCache cache(device("sm_90"), folder_.path());
    cache.get(graph(), kStrict);
    file_ = cache.file_of(graph(), kStrict);
    good_ = contents(file_);
    EXPECT_GT(good_.size(), 1000U);
  }
  // The file with these bytes is not used; the plan is found anew, and its file whole again.
  void expect_replaced(const std::string& bytes) {
    overwrite(file_, bytes);
    const PlanCache::Counts counts = ask_twice(folder_.path());
    EXPECT_EQ(counts.unusable, 1) << bytes.size() << " bytes";
    EXPECT_EQ(counts.found, 1);
    EXPECT_EQ(contents(file_), good_);
    EXPECT_EQ(ask_twice(folder_.path()).from_disk, 1);
  }
  // With a right digest.
  template <class Change>
  std::string resealed(const Change& change) const {
    PlanFile stored = read_plan_file(std::as_bytes(std::span(good_)));
    change(stored);
    return write_plan_file(stored);
  }

  const testing::TemporaryFolder folder_;
  std::filesystem::path file_;
  std::string good_;
};

TEST_F(PlanCacheFile, truncated_is_replaced) {
  expect_replaced("");
  expect_replaced(good_.substr(0, good_.size() / 2));
  expect_replaced(good_.substr(0, good_.size() - 1));
}

TEST_F(PlanCacheFile, with_a_flipped_bit_is_replaced) {
  for (const std::size_t place : {std::size_t{0}, good_.size() / 2, good_.size() - 1}) {
    std::string flipped = good_;
    flipped[place] ^= 1;
    expect_replaced(flipped);
  }
}

TEST_F(PlanCacheFile, of_another_version_of_the_format_is_replaced) {
  std::string other = good_;
  ASSERT_EQ(other.substr(0, 8), "VGGPLAN1");
  other[7] = '2';
  expect_replaced(other);
}

TEST_F(PlanCacheFile, of_another_version_of_cudnn_is_replaced) {
  expect_replaced(resealed([](PlanFile& plan) {
    const std::string version = "cudnn " + std::to_string(cudnnGetVersion());
    ASSERT_EQ(plan.key.substr(0, version.size()), version);
    plan.key.replace(0, version.size(), "cudnn " + std::to_string(cudnnGetVersion() + 1));
  }));
}

TEST_F(PlanCacheFile, of_another_plan_or_none_is_replaced) {
  expect_replaced(std::string(2 * kMaxPlanFileBytes, '\0'));
  PlanCache cache(device("sm_90"), folder_.path());
  cache.get(graph(), {.math = MathMode::kTf32});
  expect_replaced(contents(cache.file_of(graph(), {.math = MathMode::kTf32})));
  expect_replaced(resealed([](PlanFile& plan) { plan.engine += 1; }));
  expect_replaced(resealed([](PlanFile& plan) { plan.workspace_bytes += 1; }));
}

TEST(PlanCache, threads_that_ask_at_once_get_one_plan) {
  const testing::TemporaryFolder folder;
  PlanCache cache(device("sm_90"), folder.path());
  std::array<std::shared_ptr<const Plan>, 4> plans;
  {
    std::vector<std::jthread> threads;
    for (auto& plan : plans) {
      threads.emplace_back([&] { plan = cache.get(graph(), kStrict); });
    }
  }
  for (const auto& plan : plans) {
    EXPECT_EQ(plan, plans[0]);
  }
  EXPECT_EQ(cache.counts().found, 1);
  EXPECT_EQ(cache.counts().from_memory, 3);
}

TEST(PlanCache, folder_that_cannot_be_written_stops_nothing) {
  const testing::TemporaryFolder folder;
  overwrite(folder / "a file", "");
  const PlanCache::Counts counts = ask_twice(folder / "a file");
  EXPECT_EQ(counts.found, 1);
  EXPECT_EQ(counts.not_written, 1);
}

}  // namespace
}  // namespace vggroove::cudnn
