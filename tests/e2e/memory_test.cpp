// Peak memory of the program (resident set, the child's own).
#include <gtest/gtest.h>

#include "tests/e2e/shared_files.h"
#include "tests/support/run_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/wav_file.h"

namespace vggroove::testing {
namespace {

constexpr std::size_t kMB = 1000 * 1000;

class Memory : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) {
      GTEST_SKIP() << "sanitizers need memory of their own";
    }
  }

  // Two workers, as the limits are meant: each further one adds its activations.
  std::size_t peak_of_classify(const std::filesystem::path& audio, const std::string& precision) {
    const ProgramResult run =
        run_vggroove({"classify", audio, "--model", SharedFiles::get().model(), "--jobs", "2",
                      "--precision", precision});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    RecordProperty("peak_mb", std::to_string(run.peak_rss_bytes / kMB));
    return run.peak_rss_bytes;
  }

  const TemporaryFolder folder_;
};

TEST_F(Memory, of_classify_in_fp32_is_within_700_mb_whatever_the_length_of_the_file) {
  write_tone(folder_ / "long.wav", 900, 440, 8000);
  write_tone(folder_ / "short.wav", 130, 440, 8000);  // every worker has had a full batch
  const std::size_t short_bytes = peak_of_classify(folder_ / "short.wav", "fp32");
  const std::size_t long_bytes = peak_of_classify(folder_ / "long.wav", "fp32");
  EXPECT_LE(long_bytes, 700 * kMB);
  // 770 s more are 49 MB of samples at 16 kHz; their embeddings are 0.4 MB.
  EXPECT_LE(long_bytes, short_bytes + 20 * kMB);
}

TEST_F(Memory, of_classify_in_bf16_is_within_450_mb) {
  write_tone(folder_ / "short.wav", 130, 440, 8000);
  EXPECT_LE(peak_of_classify(folder_ / "short.wav", "bf16"), 450 * kMB);
}

}  // namespace
}  // namespace vggroove::testing
