#include "frontend/logmel/logmel_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace vggroove {
namespace {

constexpr std::size_t kValues = LogMelSpec::kExampleValues;

std::vector<float> samples_of(std::size_t num_samples) {
  std::vector<float> samples(num_samples);
  unsigned state = 1;
  for (float& sample : samples) {
    state = state * 1664525u + 1013904223u;
    sample = static_cast<float>(static_cast<int>(state >> 16) - 32768) / 32768.0f;
  }
  return samples;
}

std::vector<float> pop_all(LogMelStream& stream) {
  std::vector<float> examples;
  std::vector<float> one(kValues);
  while (stream.pop(one.data(), 1) == 1) {
    examples.insert(examples.end(), one.begin(), one.end());
  }
  return examples;
}

std::vector<float> examples_at_once(const std::vector<float>& samples) {
  const auto num_examples = num_logmel_examples(static_cast<std::int64_t>(samples.size()));
  std::vector<float> logmel(static_cast<std::size_t>(num_examples) * kValues);
  logmel_frames(samples.data(), logmel.size() / LogMelSpec::kNumBands, logmel.data());
  return logmel;
}

TEST(LogMelStream, gives_the_same_bits_however_the_samples_come) {
  const auto samples = samples_of(5 * LogMelSpec::kExampleHopSamples + 1234);
  const auto expected = examples_at_once(samples);
  ASSERT_EQ(expected.size(), 5 * kValues);
  for (const std::size_t block : {97, 160, 400, 15599, 15600, 15601, 40000, 1000000}) {
    LogMelStream stream;
    std::vector<float> examples;
    for (std::size_t first = 0; first < samples.size(); first += block) {
      stream.push(std::span(samples).subspan(first, std::min(block, samples.size() - first)));
      const auto more = pop_all(stream);
      examples.insert(examples.end(), more.begin(), more.end());
    }
    EXPECT_EQ(examples, expected) << "blocks of " << block;
  }
}

TEST(LogMelStream, gives_as_many_examples_as_asked_for_and_keeps_the_rest) {
  const auto samples = samples_of(5 * LogMelSpec::kExampleHopSamples + 240);
  const auto expected = examples_at_once(samples);
  LogMelStream stream;
  stream.push(samples);
  std::vector<float> examples(5 * kValues);
  EXPECT_EQ(stream.pop(examples.data(), 0), 0u);
  EXPECT_EQ(stream.pop(examples.data(), 2), 2u);
  EXPECT_EQ(stream.pop(examples.data() + 2 * kValues, 9), 3u);
  EXPECT_EQ(stream.pop(examples.data(), 9), 0u);
  EXPECT_EQ(examples, expected);
}

TEST(LogMelStream, needs_15600_samples_for_the_first_example) {
  const auto samples = samples_of(15600);
  LogMelStream stream;
  stream.push(std::span(samples).first(15599));
  EXPECT_TRUE(pop_all(stream).empty());
  stream.push(std::span(samples).last(1));
  EXPECT_EQ(pop_all(stream), examples_at_once(samples));
}

TEST(LogMelStream, pads_a_short_clip_with_silence_to_one_example) {
  for (const std::size_t num_samples : {0, 1, 399, 8000, 15599}) {
    auto samples = samples_of(num_samples);
    LogMelStream stream;
    stream.push(samples);
    stream.pad_to_one_example();
    samples.resize(LogMelSpec::kFirstExampleSamples);
    EXPECT_EQ(pop_all(stream), examples_at_once(samples)) << num_samples << " samples";
  }
}

TEST(LogMelStream, pads_nothing_where_the_clip_has_an_example) {
  const auto samples = samples_of(LogMelSpec::kFirstExampleSamples + 5000);
  LogMelStream popped_before;
  popped_before.push(samples);
  EXPECT_EQ(pop_all(popped_before).size(), kValues);
  popped_before.pad_to_one_example();
  EXPECT_TRUE(pop_all(popped_before).empty());

  LogMelStream popped_after;
  popped_after.push(samples);
  popped_after.pad_to_one_example();
  EXPECT_EQ(pop_all(popped_after), examples_at_once(samples));
}

TEST(LogMelStream, forgets_everything_at_reset) {
  const auto samples = samples_of(20000);
  LogMelStream stream;
  stream.push(samples_of(9999));
  stream.reset();
  stream.push(samples);
  EXPECT_EQ(pop_all(stream), examples_at_once(samples));
  stream.reset();
  stream.pad_to_one_example();  // a new clip: the example given before does not count
  const auto silence = pop_all(stream);
  ASSERT_EQ(silence.size(), kValues);
  EXPECT_TRUE(std::all_of(silence.begin(), silence.end(),
                          [](float v) { return std::abs(v - std::log(0.01f)) <= 1e-6f; }));
}

TEST(LogMelStream, can_be_moved_in_the_middle) {
  const auto samples = samples_of(16000);
  LogMelStream first;
  first.push(std::span(samples).first(7000));
  LogMelStream second = std::move(first);
  second.push(std::span(samples).subspan(7000));
  EXPECT_EQ(pop_all(second), examples_at_once(samples));
}

}  // namespace
}  // namespace vggroove
