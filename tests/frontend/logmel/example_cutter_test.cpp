#include "frontend/logmel/example_cutter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace vggroove {
namespace {

constexpr std::size_t kWindow = LogMelSpec::kFirstExampleSamples;
constexpr std::size_t kHop = LogMelSpec::kExampleHopSamples;

std::vector<float> samples_of(std::size_t num_samples) {
  std::vector<float> samples(num_samples);
  unsigned state = 1;
  for (float& sample : samples) {
    state = state * 1664525u + 1013904223u;
    sample = static_cast<float>(static_cast<int>(state >> 16) - 32768) / 32768.0f;
  }
  return samples;
}

std::vector<float> pop_all(ExampleCutter& cutter) {
  std::vector<float> examples;
  for (auto example = cutter.pop(); !example.empty(); example = cutter.pop()) {
    examples.insert(examples.end(), example.begin(), example.end());
  }
  return examples;
}

std::vector<float> examples_at_once(const std::vector<float>& samples) {
  std::vector<float> examples;
  for (std::size_t first = 0; first + kWindow <= samples.size(); first += kHop) {
    const auto example = std::span(samples).subspan(first, kWindow);
    examples.insert(examples.end(), example.begin(), example.end());
  }
  return examples;
}

TEST(ExampleCutter, gives_the_same_bits_however_the_samples_come) {
  const auto samples = samples_of(5 * LogMelSpec::kExampleHopSamples + 1234);
  const auto expected = examples_at_once(samples);
  ASSERT_EQ(expected.size(), 5 * kWindow);
  for (const std::size_t block : {97, 160, 400, 15599, 15600, 15601, 40000, 1000000}) {
    ExampleCutter cutter;
    std::vector<float> examples;
    for (std::size_t first = 0; first < samples.size(); first += block) {
      cutter.push(std::span(samples).subspan(first, std::min(block, samples.size() - first)));
      const auto more = pop_all(cutter);
      examples.insert(examples.end(), more.begin(), more.end());
    }
    EXPECT_EQ(examples, expected) << "blocks of " << block;
  }
}

TEST(ExampleCutter, gives_as_many_examples_as_the_definition) {
  for (const std::size_t num_samples : {30959, 30960, 5 * 15360 + 239, 5 * 15360 + 240}) {
    const auto samples = samples_of(num_samples);
    ExampleCutter cutter;
    cutter.push(samples);
    EXPECT_EQ(
        pop_all(cutter).size() / kWindow,
        static_cast<std::size_t>(num_logmel_examples(static_cast<std::int64_t>(num_samples))));
  }
}

TEST(ExampleCutter, needs_15600_samples_for_the_first_example) {
  const auto samples = samples_of(15600);
  ExampleCutter cutter;
  cutter.push(std::span(samples).first(15599));
  EXPECT_TRUE(pop_all(cutter).empty());
  cutter.push(std::span(samples).last(1));
  EXPECT_EQ(pop_all(cutter), examples_at_once(samples));
}

TEST(ExampleCutter, pads_a_short_clip_with_silence_to_one_example) {
  for (const std::size_t num_samples : {0, 1, 399, 8000, 15599}) {
    auto samples = samples_of(num_samples);
    ExampleCutter cutter;
    cutter.push(samples);
    cutter.pad_to_one_example();
    samples.resize(LogMelSpec::kFirstExampleSamples);
    EXPECT_EQ(pop_all(cutter), examples_at_once(samples)) << num_samples << " samples";
  }
}

TEST(ExampleCutter, pads_nothing_where_the_clip_has_an_example) {
  const auto samples = samples_of(LogMelSpec::kFirstExampleSamples + 5000);
  ExampleCutter popped_before;
  popped_before.push(samples);
  EXPECT_EQ(pop_all(popped_before).size(), kWindow);
  popped_before.pad_to_one_example();
  EXPECT_TRUE(pop_all(popped_before).empty());

  ExampleCutter popped_after;
  popped_after.push(samples);
  popped_after.pad_to_one_example();
  EXPECT_EQ(pop_all(popped_after), examples_at_once(samples));
}

}  // namespace
}  // namespace vggroove
