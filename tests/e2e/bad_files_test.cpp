// Every kind of bad audio in one archive: each is a row with an error, and the others get results.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/e2e/shared_files.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/run_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/wav_file.h"

namespace vggroove::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string random_bytes(std::size_t count) {
  std::mt19937 random(7);
  std::string bytes(count, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random());
  }
  return bytes;
}

bool others_may_reach(const fs::path& program) {
  for (fs::path folder = program; folder != folder.root_path(); folder = folder.parent_path()) {
    if ((fs::status(folder).permissions() & fs::perms::others_exec) == fs::perms::none) {
      return false;
    }
  }
  return true;
}

class BadFiles : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const SharedFiles& shared = SharedFiles::get();
    const fs::path folder = shared.folder() / "bad";
    fs::create_directories(folder / "no-audio");
    write_bytes(folder / "no-audio" / "cover.jpg", "not music");
    write_bytes(folder / "empty.wav", "");
    write_bytes(folder / "random.mp3", random_bytes(50000));
    write_bytes(folder / "text.wav", "Once upon a time there was a song.\n");
    write_flac(folder / "flac-inside.mp3", 2);
    write_flac(folder / "truncated.flac", 5);
    fs::resize_file(folder / "truncated.flac", fs::file_size(folder / "truncated.flac") / 2);
    write_bytes(folder / "half-a-header.wav",
                wav_bytes<std::int16_t>(tone(2, 440, 16000), 16000).substr(0, 30));
    write_bytes(folder / "zero-length.wav", wav_bytes<std::int16_t>({}, 16000));
    std::vector<float> samples(32000, 0.1f);
    samples[20000] = std::numeric_limits<float>::quiet_NaN();
    write_bytes(folder / "nan.wav", wav_bytes<float>(samples, 16000));
    write_bytes(folder / "0-hz.wav", wav_bytes<std::int16_t>(tone(2, 440, 16000), 0));
    mkfifo((folder / "pipe.wav").c_str(), 0600);
    const std::string latin1 = "Mot\xF6rhead.wav";
    write_tone(folder / latin1, 1.5);
    write_tone(folder / "blip.wav", 0.2);

    std::vector<std::string> arguments = {"classify", "--model", shared.model().string(),
                                          shared.good().string()};
    for (const char* name :
         {"missing.wav", "empty.wav", "random.mp3", "text.wav", "flac-inside.mp3", "truncated.flac",
          "half-a-header.wav", "zero-length.wav", "nan.wav", "0-hz.wav", "no-audio", "pipe.wav"}) {
      arguments.push_back((folder / name).string());
    }
    arguments.push_back((folder / latin1).string());
    arguments.push_back((folder / "blip.wav").string());
    arguments.push_back(shared.good2().string());
    run_ = new ProgramResult(run_vggroove(arguments));
    rows_ = new std::map<std::string, json>;
    for (const std::string& line : lines_of(run_->out)) {
      const json row = json::parse(line);
      (*rows_)[fs::path(row["path"].get<std::string>()).filename().string()] = row;
    }
    num_arguments_ = arguments.size() - 3;
  }
  static void TearDownTestSuite() {
    delete run_;
    delete rows_;
  }

  static void expect_failure(const std::string& name, const std::string& error_class) {
    ASSERT_TRUE(rows_->contains(name));
    const json& row = rows_->at(name);
    ASSERT_TRUE(row.contains("error")) << row;
    EXPECT_EQ(row["error"]["class"], error_class) << row;
    const std::string message = row["error"]["message"];
    EXPECT_NE(message.find(name), std::string::npos) << "the message does not name the file";
    EXPECT_NE(run_->err.find(message), std::string::npos) << "stderr lacks it:\n" << run_->err;
    EXPECT_FALSE(row.contains("genre"));
  }
  static void expect_result(const std::string& name) {
    ASSERT_TRUE(rows_->contains(name));
    const json& row = rows_->at(name);
    EXPECT_TRUE(row.contains("genre")) << row;
    double sum = 0;
    for (const json& p : row["probabilities"]) {
      sum += p.get<double>();
    }
    EXPECT_NEAR(sum, 1, 1e-5) << row;  // five values rounded to 1e-6
  }

  static ProgramResult* run_;
  static std::map<std::string, json>* rows_;
  static std::size_t num_arguments_;
};

ProgramResult* BadFiles::run_ = nullptr;
std::map<std::string, json>* BadFiles::rows_ = nullptr;
std::size_t BadFiles::num_arguments_ = 0;

TEST_F(BadFiles, exit_code_is_3_and_every_argument_has_its_row) {
  EXPECT_EQ(run_->exit_code, 3) << run_->err;
  EXPECT_EQ(lines_of(run_->out).size(), num_arguments_);
  EXPECT_NE(run_->err.find("classified 6 of 16 files, 10 failed"), std::string::npos) << run_->err;
}

TEST_F(BadFiles, good_files_before_and_after_get_results) {
  expect_result("good.wav");
  expect_result("good2.wav");
}

TEST_F(BadFiles, missing) {
  expect_failure("missing.wav", "not_found");
}

TEST_F(BadFiles, empty) {
  expect_failure("empty.wav", "empty");
}

TEST_F(BadFiles, random_bytes) {
  expect_failure("random.mp3", "unsupported");
}

TEST_F(BadFiles, text_with_the_name_of_audio) {
  expect_failure("text.wav", "unsupported");
}

TEST_F(BadFiles, audio_with_the_wrong_extension_is_read) {
  expect_result("flac-inside.mp3");
}

TEST_F(BadFiles, truncated_is_used_as_far_as_it_goes) {
  expect_result("truncated.flac");
  EXPECT_GT(rows_->at("truncated.flac")["duration_s"], 1.0);
  EXPECT_LT(rows_->at("truncated.flac")["duration_s"], 4.0);
}

TEST_F(BadFiles, truncated_in_its_header) {
  expect_failure("half-a-header.wav", "corrupt");
}

TEST_F(BadFiles, zero_length_audio) {
  expect_failure("zero-length.wav", "empty");
}

TEST_F(BadFiles, nan_samples) {
  expect_failure("nan.wav", "invalid");
}

TEST_F(BadFiles, sample_rate_of_0_hz) {
  expect_failure("0-hz.wav", "unsupported");
}

TEST_F(BadFiles, folder_without_audio) {
  expect_failure("no-audio", "empty");
}

TEST_F(BadFiles, named_pipe_is_not_waited_for) {
  expect_failure("pipe.wav", "unsupported");
}

TEST_F(BadFiles, name_that_is_not_utf8_is_escaped) {
  expect_result("Mot\\xf6rhead.wav");
}

TEST_F(BadFiles, short_clip_is_padded_and_says_so) {
  expect_result("blip.wav");
  EXPECT_EQ(rows_->at("blip.wav")["padded"], true);
}

TEST(BadFile, short_clip_is_refused_when_strict) {
  const SharedFiles& shared = SharedFiles::get();
  write_tone(shared.folder() / "blip.wav", 0.2);
  const ProgramResult run = run_vggroove({"classify", "--strict", "--model", shared.model(),
                                          shared.folder() / "blip.wav", shared.good()});
  EXPECT_EQ(run.exit_code, 3);
  const std::vector<std::string> lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(json::parse(lines[0])["error"]["class"], "too_short");
  EXPECT_TRUE(json::parse(lines[1]).contains("genre"));
}

TEST(BadFile, unreadable) {
  const SharedFiles& shared = SharedFiles::get();
  const fs::path folder = shared.folder() / "unreadable";
  fs::create_directories(folder);
  write_tone(folder / "secret.wav", 1.5);
  fs::permissions(folder / "secret.wav", fs::perms::none);
  if (kSanitized) {
    GTEST_SKIP() << "LeakSanitizer may not look into a program that has changed its user";
  }
  if (geteuid() == 0 && !others_may_reach(VGGROOVE_PROGRAM)) {
    GTEST_SKIP() << "root reads everything, and another user cannot reach " << VGGROOVE_PROGRAM;
  }
  ProgramResult run;
  {
    const OrdinaryUser user;
    run =
        run_vggroove({"classify", "--model", shared.model(), folder / "secret.wav", shared.good()});
  }
  EXPECT_EQ(run.exit_code, 3) << run.err;
  const std::vector<std::string> lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 2u) << run.err;
  EXPECT_EQ(json::parse(lines[0])["error"]["class"], "unreadable");
  EXPECT_NE(run.err.find("secret.wav"), std::string::npos);
  EXPECT_TRUE(json::parse(lines[1]).contains("genre"));
}

}  // namespace
}  // namespace vggroove::testing
