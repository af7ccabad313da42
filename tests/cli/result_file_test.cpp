#include "cli/result_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove::cli {
namespace {

namespace fs = std::filesystem;
using Leftover = ResultFile::Leftover;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

constexpr const char* kGood = "{\"path\":\"a.mp3\",\"genre\":\"rock\"}\n";
constexpr const char* kFailed = "{\"path\":\"b.mp3\",\"error\":{\"class\":\"corrupt\"}}\n";

class ResultFileTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;
  fs::path path_ = folder_ / "rows.jsonl";
  fs::path partial_ = folder_ / "rows.jsonl.partial";
};

TEST_F(ResultFileTest, shows_rows_in_the_partial_file_and_the_whole_at_the_end) {
  write_text(path_, "old\n");
  {
    ResultFile file(path_.string(), Leftover::kRefuse);
    file.write(kGood);
    EXPECT_EQ(text_of(partial_), kGood);
    EXPECT_EQ(text_of(path_), "old\n");
    file.commit();
  }
  EXPECT_EQ(text_of(path_), kGood);
  EXPECT_FALSE(fs::exists(partial_));
}

TEST_F(ResultFileTest, leaves_rows_behind_but_no_empty_file) {
  { const ResultFile file(path_.string(), Leftover::kRefuse); }
  EXPECT_FALSE(fs::exists(partial_));
  {
    ResultFile file(path_.string(), Leftover::kRefuse);
    file.write(kGood);
  }
  EXPECT_EQ(text_of(partial_), kGood);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(ResultFileTest, refuses_to_overwrite_rows_of_an_interrupted_run) {
  write_text(partial_, kGood);
  testing::expect_error(ErrorClass::kUsage, "--resume",
                        [&] { ResultFile(path_.string(), Leftover::kRefuse); });
  EXPECT_EQ(text_of(partial_), kGood);
}

TEST_F(ResultFileTest, refuses_a_file_that_another_run_is_writing) {
  ResultFile first(path_.string(), Leftover::kRefuse);
  testing::expect_error(ErrorClass::kUsage, "another run",
                        [&] { ResultFile(path_.string(), Leftover::kContinue); });
}

TEST_F(ResultFileTest, refuses_a_folder_and_names_a_missing_one) {
  testing::expect_error(ErrorClass::kUsage, folder_.path().string(),
                        [&] { ResultFile(folder_.path().string(), Leftover::kRefuse); });
  const std::string missing = (folder_ / "no/such/rows.jsonl").string();
  testing::expect_error(ErrorClass::kIo, missing, [&] { ResultFile(missing, Leftover::kRefuse); });
}

TEST_F(ResultFileTest, resuming_keeps_good_rows_and_drops_failures_and_a_torn_line) {
  write_text(partial_, std::string(kGood) + kFailed + "{\"path\":\"c.mp3\",\"gen");
  EXPECT_EQ(keep_finished_rows(path_), (std::set<std::string>{"a.mp3"}));
  ResultFile file(path_.string(), Leftover::kContinue);
  file.write("{\"path\":\"c.mp3\"}\n");
  file.commit();
  EXPECT_EQ(text_of(path_), std::string(kGood) + "{\"path\":\"c.mp3\"}\n");
}

TEST_F(ResultFileTest, resuming_a_finished_file_starts_from_its_rows) {
  write_text(path_, kGood);
  EXPECT_EQ(keep_finished_rows(path_).size(), 1u);
  EXPECT_EQ(text_of(partial_), kGood);
  EXPECT_EQ(text_of(path_), kGood);
}

TEST_F(ResultFileTest, resuming_nothing_is_a_first_run) {
  EXPECT_TRUE(keep_finished_rows(path_).empty());
  EXPECT_FALSE(fs::exists(partial_));
}

TEST_F(ResultFileTest, resuming_something_else_is_refused_and_left_alone) {
  write_text(path_, "path,genre\na.mp3,rock\n");
  testing::expect_error(ErrorClass::kCorrupt, "line 1", [&] { keep_finished_rows(path_); });
  EXPECT_FALSE(fs::exists(partial_));
}

}  // namespace
}  // namespace vggroove::cli
