#include "engine/backends/cuda/cudnn/plan_cache.h"

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

TEST(PlanCache, damaged_and_foreign_files_are_replaced) {
  const testing::TemporaryFolder folder;
  PlanCache cache(device("sm_90"), folder.path());
  cache.get(graph(), kStrict);
  cache.get(graph(), {.math = MathMode::kTf32});
  const auto file = cache.file_of(graph(), kStrict);
  const std::string good = contents(file);
  ASSERT_GT(good.size(), 1000U);

  const auto resealed = [&](const auto& change) {
    PlanFile stored = read_plan_file(std::as_bytes(std::span(good)));
    change(stored);
    return write_plan_file(stored);
  };
  std::string flipped = good;
  flipped[good.size() / 2] ^= 1;
  const std::string damaged[] = {
      "",
      good.substr(0, good.size() - 1),
      flipped,
      std::string(2 * kMaxPlanFileBytes, '\0'),
      contents(cache.file_of(graph(), {.math = MathMode::kTf32})),  // another plan's, unharmed
      resealed([](PlanFile& plan) { plan.engine += 1; }),
      resealed([](PlanFile& plan) { plan.workspace_bytes += 1; }),
  };
  for (const std::string& bytes : damaged) {
    overwrite(file, bytes);
    const PlanCache::Counts counts = ask_twice(folder.path());
    EXPECT_EQ(counts.unusable, 1) << bytes.size() << " bytes";
    EXPECT_EQ(counts.found, 1);
    EXPECT_EQ(contents(file), good);
  }
  EXPECT_EQ(ask_twice(folder.path()).from_disk, 1);
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
