// The verb `logmel` of the built program.
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "frontend/logmel/logmel_frames.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"
#include "weights/npz.h"

namespace vggroove {
namespace {

using testing::TemporaryFolder;

struct Outcome {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

Outcome run_logmel(const std::string& arguments) {
  FILE* pipe = popen((std::string(VGGROOVE_PROGRAM " logmel ") + arguments + " 2>&1").c_str(), "r");
  Outcome run;
  std::array<char, 256> buffer;
  while (const std::size_t num_bytes = fread(buffer.data(), 1, buffer.size(), pipe)) {
    run.output.append(buffer.data(), num_bytes);
  }
  const int status = pclose(pipe);
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

std::vector<float> samples_of(double seconds) {
  std::vector<float> samples;
  for (const std::int16_t value : testing::tone(seconds, 440, LogMelSpec::kSampleRateHz)) {
    samples.push_back(static_cast<float>(value) / 32768.0f);
  }
  return samples;
}

void expect_examples(const std::filesystem::path& path, std::vector<float> samples,
                     std::int64_t num_examples) {
  const weights::Tensor tensor = weights::read_npy(path).tensor;
  EXPECT_EQ(tensor.dtype, weights::DType::kF32);
  ASSERT_EQ(tensor.shape, (weights::Shape{num_examples, 96, 64}));
  std::vector<float> expected(static_cast<std::size_t>(num_examples) * LogMelSpec::kExampleValues);
  logmel_frames(samples.data(), expected.size() / LogMelSpec::kNumBands, expected.data());
  EXPECT_EQ(std::memcmp(tensor.data.data(), expected.data(), tensor.data.size()), 0);
}

TEST(LogmelVerb, writes_every_whole_example_as_npy) {
  const TemporaryFolder folder;
  testing::write_tone(folder / "tone.wav", 3.3);
  const Outcome run =
      run_logmel((folder / "tone.wav").string() + " --out " + (folder / "tone.npy").string());
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.output, "");
  expect_examples(folder / "tone.npy", samples_of(3.3), 3);
}

TEST(LogmelVerb, pads_a_short_clip_and_says_so) {
  const TemporaryFolder folder;
  testing::write_tone(folder / "short.wav", 0.5);
  const Outcome run =
      run_logmel((folder / "short.wav").string() + " --out " + (folder / "short.npy").string());
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_NE(run.output.find("short.wav: 0.500 s is shorter than one example"), std::string::npos)
      << run.output;
  auto samples = samples_of(0.5);
  samples.resize(LogMelSpec::kFirstExampleSamples);
  expect_examples(folder / "short.npy", samples, 1);
}

TEST(LogmelVerb, refuses_a_short_clip_under_strict_and_writes_nothing) {
  const TemporaryFolder folder;
  testing::write_tone(folder / "short.wav", 0.5);
  const Outcome run = run_logmel((folder / "short.wav").string() + " --strict --out " +
                                 (folder / "short.npy").string());
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.output.find("short.wav"), std::string::npos) << run.output;
  EXPECT_FALSE(std::filesystem::exists(folder / "short.npy"));
}

TEST(LogmelVerb, writes_a_picture) {
  const TemporaryFolder folder;
  testing::write_tone(folder / "tone.wav", 2.0);
  const Outcome run =
      run_logmel((folder / "tone.wav").string() + " --out " + (folder / "tone.PNG").string());
  EXPECT_EQ(run.exit_code, 0) << run.output;
  std::ifstream file(folder / "tone.PNG", std::ios::binary);
  std::string start(8, '\0');
  file.read(start.data(), 8);
  EXPECT_EQ(start, "\x89PNG\r\n\x1a\n");
}

TEST(LogmelVerb, refuses_a_format_it_does_not_write_before_it_reads_anything) {
  const Outcome run = run_logmel("nothing-here.wav --out picture.jpg");
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.output.find("picture.jpg"), std::string::npos) << run.output;
  EXPECT_NE(run.output.find(".npy for the numbers or .png for a picture"), std::string::npos);
  EXPECT_EQ(run_logmel("nothing-here.wav --out picture").exit_code, 2);
}

TEST(LogmelVerb, names_the_file_that_is_missing) {
  const TemporaryFolder folder;
  const Outcome run =
      run_logmel((folder / "gone.wav").string() + " --out " + (folder / "gone.npy").string());
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.output.find("gone.wav"), std::string::npos) << run.output;
}

}  // namespace
}  // namespace vggroove
