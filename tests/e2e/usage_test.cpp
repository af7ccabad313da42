#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/e2e/shared_files.h"
#include "tests/support/run_program.h"
#include "tests/support/sanitized.h"

namespace vggroove::testing {
namespace {

TEST(Usage, help_starts_in_20_ms) {
  if (kSanitized) {
    GTEST_SKIP() << "sanitizers take their own time to start";
  }
  // The program's own processor time, which other work on the machine hardly changes.
  double least_s = 1;
  for (int i = 0; i < 10; ++i) {
    const ProgramResult run = run_vggroove({"--help"});
    ASSERT_EQ(run.exit_code, 0);
    least_s = std::min(least_s, run.cpu_s);
  }
  RecordProperty("least_ms", std::to_string(1e3 * least_s));
  EXPECT_LE(least_s, 0.020);
}

TEST(Usage, every_verb_teaches_by_examples) {
  const ProgramResult help = run_vggroove({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* verb : {"classify", "embed", "info"}) {
    EXPECT_NE(help.out.find(verb), std::string::npos);
    const ProgramResult run = run_vggroove({verb, "--help"});
    EXPECT_EQ(run.exit_code, 0);
    const std::size_t examples = run.out.find("Examples:");
    ASSERT_NE(examples, std::string::npos) << verb;
    EXPECT_NE(run.out.find(std::string("vggroove ") + verb, examples), std::string::npos);
    EXPECT_EQ(run.err, "");
  }
}

TEST(Usage, bad_command_lines_exit_with_2_and_a_hint) {
  const std::vector<std::vector<std::string>> bad = {
      {},
      {"clasify", "a.wav"},
      {"--frobnicate"},
      {"classify"},
      {"classify", "a.wav", "--formt", "csv"},
      {"classify", "a.wav", "--format", "xml"},
      {"classify", "a.wav", "--jobs", "-1"},
      {"classify", "a.wav", "--jobs", "many"},
      {"classify", "a.wav", "--top-k", "0"},
      {"classify", "a.wav", "--precision", "fp8"},
      {"classify", "a.wav", "--device", "abacus"},
      {"classify", "a.wav", "--decision", "dice"},
      {"classify", "a.wav", "--out"},
      {"embed", "a.wav"},
      {"info", "--yaml"},
  };
  for (const std::vector<std::string>& arguments : bad) {
    const ProgramResult run = run_vggroove(arguments);
    const std::string line = ::testing::PrintToString(arguments);
    EXPECT_EQ(run.exit_code, 2) << line;
    EXPECT_NE(run.err.find("--help`"), std::string::npos) << line << run.err;
    EXPECT_EQ(lines_of(run.err).size(), 1u) << run.err;
    EXPECT_EQ(run.out, "") << line;
  }
}

TEST(Usage, resume_without_a_file_of_json_lines_exits_with_2) {
  const SharedFiles& shared = SharedFiles::get();
  const std::vector<std::vector<std::string>> outs = {{}, {"--out", shared.folder() / "rows.csv"}};
  for (const std::vector<std::string>& out : outs) {
    std::vector<std::string> arguments = {"classify", shared.good(), "--model", shared.model(),
                                          "--resume"};
    arguments.insert(arguments.end(), out.begin(), out.end());
    const ProgramResult run = run_vggroove(arguments);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_NE(run.err.find("--resume needs --out"), std::string::npos) << run.err;
  }
}

TEST(Usage, info_describes_the_machine) {
  const nlohmann::json info = nlohmann::json::parse(run_vggroove({"info", "--json"}).out);
  EXPECT_GE(info["cpu"]["cores"], 1);
  EXPECT_NE(info["cpu"]["instruction_set"], "");
  EXPECT_GT(info["memory_gib"], 0.1);
  EXPECT_TRUE(info["libraries"].contains("oneDNN"));
  EXPECT_TRUE(info["default_model"].contains("path"));
  EXPECT_NE(run_vggroove({"info"}).out.find("kernels"), std::string::npos);
}

TEST(Usage, output_that_cannot_be_written_exits_with_1) {
  RunOptions options;
  options.stdout_path = "/dev/full";
  const ProgramResult run = run_vggroove({"info"}, options);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.err, "");
}

}  // namespace
}  // namespace vggroove::testing
