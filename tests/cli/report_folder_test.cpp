#include "cli/report_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"

namespace vggroove::cli {
namespace {

namespace fs = std::filesystem;
using testing::expect_error;
using testing::read_file;
using testing::TemporaryFolder;

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

// Four clips, of which two are wrong: one with audio, one without.
RunReport small_run(const fs::path& audio) {
  FeatureSet features;
  features.labels = {"blues", "rock"};
  for (const std::string id : {"a.wav", "b, \"c\".wav", "\xff.wav", "d.wav"}) {
    features.clips.push_back(
        {.id = id, .label = 0, .group = "", .split = "", .first_row = 0, .num_rows = 1});
  }
  features.clips[1].id = audio.string();
  return run_report(features, features.labels, {0, 0, 0, 1},
                    {0.9, 0.1, 0.2, 0.8, 0.3, 0.7, 0.1, 0.9});
}

TEST(ReportFolder, holds_a_page_its_numbers_and_pictures) {
  const TemporaryFolder folder;
  testing::write_tone(folder / "b, \"c\".wav", 2);
  const ReportFolder report(folder / "deep/er");
  testing::write_bytes(folder / "deep/er/error-07.png", std::string("of an earlier run"));
  testing::write_bytes(folder / "deep/er/curves.png", std::string("of an earlier run"));
  testing::write_bytes(folder / "deep/er/notes.txt", std::string("the user's"));
  report.write(small_run(folder / "b, \"c\".wav"), {{"accuracy", 0.5}});
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "deep/er")) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_EQ(names,
            (std::set<std::string>{"calibration.png", "confusion.png", "error-01.png", "f1.png",
                                   "index.html", "metrics.json", "notes.txt", "predictions.csv"}));
  const std::string page = read_file(folder / "deep/er/index.html");
  EXPECT_TRUE(contains(page, "blues</bdi> taken for"));
  EXPECT_TRUE(contains(page, "No spectrogram: no audio file of this name"));
  EXPECT_TRUE(contains(page, "b, &quot;c&quot;.wav"));
  EXPECT_TRUE(contains(page, "\\xff.wav")) << "bytes that are not UTF-8";
  EXPECT_TRUE(contains(page, "error-01.png"));
  EXPECT_FALSE(contains(page, "error-02.png"));
  const std::string csv = read_file(folder / "deep/er/predictions.csv");
  EXPECT_TRUE(
      csv.starts_with("path,label,prediction,p_blues,p_rock\n"
                      "a.wav,blues,blues,0.900000,0.100000\n"))
      << csv;
  EXPECT_EQ(nlohmann::json::parse(read_file(folder / "deep/er/metrics.json")).at("accuracy"), 0.5);
}

TEST(ReportFolder, predictions_name_the_fold_where_there_are_folds) {
  RunReport report = small_run("b.wav");
  report.fold_of_clip = {0, 1, 2, 0};
  EXPECT_TRUE(predictions_csv(report).starts_with(
      "path,label,prediction,fold,p_blues,p_rock\na.wav,blues,blues,1,0.900000,0.100000\n"
      "b.wav,blues,rock,2,0.200000,0.800000\n"))
      << predictions_csv(report);
}

TEST(ReportFolder, refuses_a_place_that_cannot_be_written_before_any_work) {
  const TemporaryFolder folder;
  testing::write_bytes(folder / "file", std::string("x"));
  expect_error(ErrorClass::kIo, "file", [&] { ReportFolder{folder / "file"}; });
  expect_error(ErrorClass::kIo, "file/deeper", [&] { ReportFolder{folder / "file/deeper"}; });
  fs::create_directory(folder / "closed");
  fs::permissions(folder.path(), fs::perms::others_exec, fs::perm_options::add);
  fs::permissions(folder / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  const testing::OrdinaryUser nobody;
  expect_error(ErrorClass::kIo, "closed", [&] { ReportFolder{folder / "closed"}; });
  expect_error(ErrorClass::kIo, "closed/report", [&] { ReportFolder{folder / "closed/report"}; });
}

TEST(ReportFolder, a_full_disk_is_an_error_and_leaves_no_page_beside_other_numbers) {
  const TemporaryFolder folder;
  const ReportFolder report(folder.path());
  testing::write_bytes(folder / "index.html", std::string("of an earlier run"));
  {
    const testing::FileSizeLimit limit(1000);
    expect_error(ErrorClass::kIo, "confusion.png", [&] {
      report.write(small_run("b.wav"), {{"accuracy", 0.5}});
    });
  }
  EXPECT_FALSE(fs::exists(folder / "index.html"));
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    EXPECT_FALSE(contains(entry.path().string(), ".tmp")) << entry.path();
  }
}

}  // namespace
}  // namespace vggroove::cli
