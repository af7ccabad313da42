// What classify and embed leave behind, also when something stops them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/e2e/shared_files.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/run_program.h"
#include "tests/support/wav_file.h"
#include "weights/npz.h"

namespace vggroove::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Outputs : public ::testing::Test {
 protected:
  ProgramResult run(std::vector<std::string> arguments, const RunOptions& options = {}) {
    arguments.insert(arguments.end(), {"--model", shared_.model()});
    return run_vggroove(arguments, options);
  }

  const SharedFiles& shared_ = SharedFiles::get();
  const TemporaryFolder folder_;
};

TEST_F(Outputs, do_not_depend_on_the_number_of_jobs) {
  int number = 0;
  for (const double seconds : {0.5, 40.0, 1.0, 3.3, 31.0, 2.0, 0.98}) {
    write_tone(folder_ / ("tone" + std::to_string(number) + ".wav"), seconds, 100 + 50.0 * number,
               8000);
    ++number;
  }
  for (const char* jobs : {"1", "3"}) {
    const std::string name = jobs;
    EXPECT_EQ(run({"classify", folder_.path(), "--jobs", name, "--segments", "--out",
                   folder_ / ("rows" + name + ".jsonl")})
                  .exit_code,
              0);
    EXPECT_EQ(run({"embed", folder_.path(), "--jobs", name, "--out", folder_ / name}).exit_code, 0);
  }
  const std::string rows = read_file(folder_ / "rows1.jsonl");
  EXPECT_EQ(lines_of(rows).size(), 7u);
  EXPECT_TRUE(rows == read_file(folder_ / "rows3.jsonl"));
  for (int i = 0; i < number; ++i) {
    const std::string name = "tone" + std::to_string(i) + ".wav.npy";
    const std::string one = read_file(folder_ / "1" / name);
    EXPECT_GE(one.size(), 128 * sizeof(float));
    EXPECT_TRUE(one == read_file(folder_ / "3" / name)) << name;
  }
}

TEST_F(Outputs, of_a_full_disk_leave_the_old_file_intact) {
  const fs::path out = folder_ / "rows.jsonl";
  write_bytes(out, "{\"path\":\"yesterday.mp3\",\"genre\":\"rock\"}\n");
  const fs::path song = folder_ / "long.wav";
  write_tone(song, 40, 440, 8000);
  ProgramResult full;
  {
    const FileSizeLimit limit(4096);  // the row of the first file, and half of the second's
    full = run({"classify", shared_.good(), song, "--segments", "--out", out});
  }
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_NE(full.err.find(out.string() + ": cannot write"), std::string::npos) << full.err;
  EXPECT_NE(full.err.find(out.string() + ".partial"), std::string::npos) << full.err;
  EXPECT_NE(read_file(out).find("yesterday.mp3"), std::string::npos);
  EXPECT_EQ(lines_of(read_file(out)).size(), 1u);

  // The rows that did get there are not overwritten by accident, and are used by --resume.
  const ProgramResult again = run({"classify", shared_.good(), "--out", out});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.err.find("--resume"), std::string::npos) << again.err;
  const ProgramResult resumed = run({"classify", shared_.good(), song, "--out", out, "--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("1 were finished before"), std::string::npos) << resumed.err;
  const std::vector<std::string> lines = lines_of(read_file(out));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(json::parse(lines[0])["path"], shared_.good().string());
  EXPECT_EQ(json::parse(lines[1])["path"], song.string());
  EXPECT_FALSE(fs::exists(out.string() + ".partial"));
}

TEST_F(Outputs, of_embed_on_a_full_disk_leave_the_old_file_intact) {
  const fs::path out = folder_ / "song.npy";
  write_bytes(out, "old");
  write_tone(folder_ / "long.wav", 40, 440, 8000);
  ProgramResult full;
  {
    const FileSizeLimit limit(4096);
    full = run({"embed", folder_ / "long.wav", "--out", out});
  }
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_NE(full.err.find("song.npy"), std::string::npos) << full.err;
  EXPECT_EQ(read_file(out), "old");
}

TEST_F(Outputs, keep_their_rows_when_interrupted) {
  // More than enough to be in the middle of when the first row comes.
  fs::create_directories(folder_ / "music");
  write_tone(folder_ / "music" / "0.wav", 1.5);
  for (int i = 1; i < 100; ++i) {
    fs::create_symlink("0.wav", folder_ / "music" / (std::to_string(i) + ".wav"));
  }
  const fs::path out = folder_ / "rows.jsonl";
  RunOptions options;
  options.interrupt_when = out.string() + ".partial";
  write_tone(folder_ / "music" / "99999.wav", 300);
  const ProgramResult stopped = run({"classify", folder_ / "music", "--out", out}, options);
  EXPECT_EQ(stopped.exit_code, 130) << stopped.err;
  EXPECT_NE(stopped.err.find("--resume"), std::string::npos) << stopped.err;
  EXPECT_FALSE(fs::exists(out));
  const std::vector<std::string> lines = lines_of(read_file(options.interrupt_when));
  ASSERT_GE(lines.size(), 1u);
  EXPECT_LT(lines.size(), 101u);
  for (const std::string& line : lines) {
    EXPECT_TRUE(json::parse(line).contains("genre")) << line;
  }
}

TEST_F(Outputs, on_a_full_standard_output_exit_with_1) {
  RunOptions options;
  options.stdout_path = "/dev/full";
  const ProgramResult full = run({"classify", shared_.good()}, options);
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_NE(full.err.find("standard output"), std::string::npos) << full.err;
}

TEST_F(Outputs, of_embed_keep_apart_files_of_equal_names) {
  for (const char* name : {"cd1", "cd2"}) {
    fs::create_directories(folder_ / name);
    write_tone(folder_ / name / "track.wav", 1.0 + (name[2] == '2'));
  }
  write_flac(folder_ / "cd1" / "track.flac", 3.0);
  RunOptions options;
  options.folder = folder_.path();
  const ProgramResult embedded = run({"embed", "cd1", "cd2", "--out", "out"}, options);
  EXPECT_EQ(embedded.exit_code, 0) << embedded.err;
  const auto rows = [&](const char* name) {
    return weights::read_npy(folder_ / "out" / name).tensor.shape;
  };
  EXPECT_EQ(rows("cd1/track.wav.npy"), (weights::Shape{1, 128}));
  EXPECT_EQ(rows("cd1/track.flac.npy"), (weights::Shape{3, 128}));
  EXPECT_EQ(rows("cd2/track.wav.npy"), (weights::Shape{2, 128}));
}

TEST_F(Outputs, of_embed_as_npz_are_keyed_by_path) {
  const ProgramResult embedded = run({"embed", shared_.good(), folder_ / "missing.wav",
                                      shared_.good2(), "--out", folder_ / "all.npz"});
  EXPECT_EQ(embedded.exit_code, 3) << embedded.err;
  const auto arrays = weights::read_npz(folder_ / "all.npz");
  ASSERT_EQ(arrays.size(), 2u);
  EXPECT_EQ(arrays.at(shared_.good2()).tensor.shape, (weights::Shape{5, 128}));
  EXPECT_EQ(arrays.at(shared_.good2()).tensor.dtype, weights::DType::kF32);
}

TEST_F(Outputs, of_embed_to_one_npy_take_one_file) {
  const ProgramResult refused =
      run({"embed", shared_.good(), shared_.good2(), "--out", folder_ / "two.npy"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("two.npy"), std::string::npos) << refused.err;
  EXPECT_FALSE(fs::exists(folder_ / "two.npy"));
}

TEST_F(Outputs, of_embed_postprocessed_are_bytes) {
  const ProgramResult embedded =
      run_vggroove({"embed", shared_.good(), "--postprocess", "--out", folder_ / "q.npy", "--model",
                    shared_.released_model()});
  EXPECT_EQ(embedded.exit_code, 0) << embedded.err;
  EXPECT_EQ(weights::read_npy(folder_ / "q.npy").tensor.dtype, weights::DType::kU8);

  const ProgramResult refused =
      run({"embed", shared_.good(), "--postprocess", "--out", folder_ / "q2.npy"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("PCA parameters"), std::string::npos) << refused.err;
}

TEST_F(Outputs, decisions_and_csv_are_taken_as_asked) {
  const ProgramResult csv = run({"classify", shared_.good2(), "--decision", "vote", "--segments",
                                 "--out", folder_ / "rows.csv"});
  EXPECT_EQ(csv.exit_code, 0) << csv.err;
  const std::vector<std::string> lines = lines_of(read_file(folder_ / "rows.csv"));
  ASSERT_EQ(lines.size(), 7u);  // header, clip, five segments
  EXPECT_TRUE(lines[0].starts_with("path,duration_s,start_s,end_s,genre,")) << lines[0];
}

}  // namespace
}  // namespace vggroove::testing
