#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/check/music.h"
#include "tests/train/toy_features.h"
#include "train/manifest.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::machine_music;
using testing::ProgramResult;
using testing::run_vggroove;
using testing::TemporaryFolder;

class CheckVerb : public ::testing::Test {
 protected:
  void add(const std::string& name, std::uint64_t music) const {
    fs::create_directories((folder_ / name).parent_path());
    testing::write_clip(folder_ / name, SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                        machine_music(music, music, 4));
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  TemporaryFolder folder_;
};

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

TEST_F(CheckVerb, finds_nothing_in_a_clean_set_and_exits_with_0) {
  add("set/blues/a.wav", 1);
  add("set/rock/b.wav", 2);
  const ProgramResult run = run_vggroove({"check", path("set")});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "2 files, no problem found\n");
  EXPECT_TRUE(contains(run.err, "checked 2 of 2 files")) << run.err;
}

TEST_F(CheckVerb, reports_problems_and_exits_with_3) {
  add("set/blues/a.wav", 1);
  add("set/blues/other.wav", 2);
  add("set/rock/b, again.wav", 1);
  testing::write_bytes(folder_ / "set/rock/broken.wav", std::string("RIFF"));
  const ProgramResult run = run_vggroove(
      {"check", path("set"), "--json", path("report.json"), "--groups", path("grouped.csv")});
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_TRUE(contains(run.out, "same-file              1      2\n")) << run.out;
  EXPECT_TRUE(contains(run.out, "(blues): the same bytes\n    ")) << run.out;
  EXPECT_TRUE(contains(run.out, "broken.wav: ")) << run.out;
  EXPECT_TRUE(contains(run.out, "\nlabel-conflict\n")) << run.out;

  const auto report = nlohmann::json::parse(testing::read_file(path("report.json")));
  ASSERT_EQ(report.at("problems").size(), 3U);
  EXPECT_EQ(report.at("problems")[1].at("problem"), "same-file");
  EXPECT_EQ(report.at("problems")[1].at("files")[1], path("set/rock/b, again.wav"));
  ASSERT_EQ(report.at("files").size(), 4U);
  EXPECT_EQ(report.at("files")[0].at("channels"), 2);
  EXPECT_EQ(report.at("files")[0].at("file_sha256"), report.at("files")[2].at("file_sha256"));
  EXPECT_EQ(report.at("files")[3].at("error").at("class"), "unsupported");

  const std::vector<LabelledFile> grouped = read_labelled_files(path("grouped.csv"));
  ASSERT_EQ(grouped.size(), 3U) << "all that can be read";
  EXPECT_EQ(grouped[0].path, folder_ / "set/blues/a.wav");
  EXPECT_EQ(grouped[0].group, "duplicate 1");
  EXPECT_EQ(grouped[1].group, "");
  EXPECT_EQ(grouped[2].path, folder_ / "set/rock/b, again.wav");
  EXPECT_EQ(grouped[2].label, "rock");
  EXPECT_EQ(grouped[2].group, "duplicate 1");
}

TEST_F(CheckVerb, json_has_the_figures_of_near_duplicates) {
  add("set/blues/a.wav", 1);
  testing::write_clip(folder_ / "set/blues/b.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                      machine_music(1, 1, 4));
  const ProgramResult run = run_vggroove({"check", path("set"), "--json", "-"});
  EXPECT_EQ(run.exit_code, 3) << run.err;
  const nlohmann::json problem = nlohmann::json::parse(run.out).at("problems").at(0);
  EXPECT_EQ(problem.at("problem"), "near-duplicate");
  EXPECT_LE(std::abs(problem.at("offset_s").get<double>()), 0.02);
  EXPECT_GE(problem.at("overlap_s"), 3);
  EXPECT_LE(problem.at("bit_error_rate"), 0.3);
  EXPECT_LE(problem.at("logmel_distance"), 0.5);
}

TEST_F(CheckVerb, takes_a_folder_without_labels_and_ignores_what_it_is_told_to) {
  add("music/a.wav", 1);
  add("music/deeper/b.wav", 1);
  EXPECT_EQ(run_vggroove({"check", path("music")}).exit_code, 3);
  const ProgramResult run = run_vggroove(
      {"check", path("music"), "--ignore", "same-file,same-samples,near-duplicate", "--json", "-"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(nlohmann::json::parse(run.out).at("problems").empty());
  const ProgramResult groups = run_vggroove({"check", path("music"), "--groups", path("g.csv")});
  EXPECT_EQ(groups.exit_code, 2);
  EXPECT_TRUE(contains(groups.err, "no labels")) << groups.err;
}

TEST_F(CheckVerb, refuses_what_it_cannot_check) {
  EXPECT_EQ(run_vggroove({"check", path("set.npz")}).exit_code, 2);
  EXPECT_EQ(run_vggroove({"check", path("nowhere")}).exit_code, 1);
  add("set/blues/a.wav", 1);
  EXPECT_EQ(run_vggroove({"check", path("set"), "--ignore", "boredom"}).exit_code, 2);
  EXPECT_EQ(run_vggroove({"check", path("set"), "--json", path("no/folder/f")}).exit_code, 1);
}

TEST_F(CheckVerb, crossval_warns_of_duplicates_in_different_folds_only) {
  FeatureSet features = testing::toy_features(2, 10, 8);
  // Clips 0 and 2 are of one class: without a group they may come into one fold by chance, so
  // that all clips of the class are the same.
  for (std::size_t clip = 0; clip < features.clips.size(); clip += 2) {
    const auto from = features.rows_of(0);
    std::copy(
        from.begin(), from.end(),
        features.rows.begin() + static_cast<std::ptrdiff_t>(features.clips[clip].first_row * 8));
  }
  const auto run = [&](const char* name) {
    write_feature_table(path(name), features);
    return run_vggroove({"crossval", path(name), "--folds", "2", "--hidden", "0"});
  };
  const ProgramResult apart = run("apart.npz");
  EXPECT_EQ(apart.exit_code, 0) << apart.err;
  EXPECT_TRUE(contains(apart.err, "10 clips have a copy in another part")) << apart.err;

  features = testing::toy_features(2, 10, 8);
  const ProgramResult clean = run("clean.npz");
  EXPECT_EQ(clean.exit_code, 0) << clean.err;
  EXPECT_FALSE(contains(clean.err, "copy in another part")) << clean.err;
}

}  // namespace
}  // namespace vggroove
