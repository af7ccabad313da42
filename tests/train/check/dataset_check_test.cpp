#include "train/check/dataset_check.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "frontend/audio/resampler.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/check/music.h"
#include "train/check/aligned_logmels.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::Clip;
using testing::cut;
using testing::louder;
using testing::machine_music;
using testing::mono_of;
using testing::TemporaryFolder;
using testing::write_clip;

constexpr int kWav = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
constexpr int kFlac = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
constexpr int kOgg = SF_FORMAT_OGG | SF_FORMAT_VORBIS;
constexpr int kOpus = SF_FORMAT_OGG | SF_FORMAT_OPUS;
constexpr int kMp3 = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
constexpr double kSeconds = 8;

Clip resampled(const Clip& stereo, int rate_hz) {
  const Clip mono = mono_of(stereo);
  Resampler resampler(mono.sample_rate_hz, rate_hz);
  Clip out{rate_hz, 1, {}};
  for (const auto part : {resampler.push(mono.interleaved), resampler.finish()}) {
    out.interleaved.insert(out.interleaved.end(), part.begin(), part.end());
  }
  return out;
}

class DatasetCheck : public ::testing::Test {
 protected:
  void add(const std::string& name, int format, const Clip& clip,
           const std::string& label = "techno") {
    write_clip(folder_ / name, format, clip);
    add_path(name, label);
  }
  void add_path(const std::string& name, const std::string& label = "techno") {
    files_.push_back({.path = folder_ / name, .label = label, .group = "", .split = ""});
  }
  void check() { report_ = check_dataset(files_, options_); }

  // "problem: file file", in the order of the report.
  std::vector<std::string> findings() const {
    std::vector<std::string> all;
    for (const Finding& finding : report_.findings) {
      std::string text(problem_name(finding.problem));
      text += ':';
      for (const std::size_t file : finding.files) {
        text += ' ';
        text += files_[file].path.filename().string();
      }
      all.push_back(text);
    }
    return all;
  }

  TemporaryFolder folder_;
  std::vector<LabelledFile> files_;
  CheckOptions options_;
  CheckReport report_;
};

using Names = std::vector<std::string>;

TEST_F(DatasetCheck, finds_nothing_among_unrelated_clips_even_of_one_groove) {
  for (std::uint64_t clip = 0; clip < 6; ++clip) {
    // Three grooves, each played twice with other notes.
    add(std::to_string(clip) + ".wav", kWav, machine_music(100 + clip, clip / 2, kSeconds));
  }
  check();
  EXPECT_EQ(findings(), Names());
  EXPECT_EQ(report_.groups, Names(6));
  EXPECT_NEAR(report_.facts[0].duration_s, kSeconds, 1e-3);
}

TEST_F(DatasetCheck, finds_copies_of_the_same_recording) {
  const Clip track = machine_music(1, 1, kSeconds + 3);
  const Clip clip = cut(track, 0, kSeconds);
  add("original.wav", kWav, clip);
  add("vorbis.ogg", kOgg, clip);
  add("layer3.mp3", kMp3, clip);
  add("opus.opus", kOpus, resampled(clip, 48000));
  add("quiet.wav", kWav, louder(clip, 0.05F));
  add("resampled.wav", kWav, resampled(clip, 8000));
  add("later.flac", kFlac, cut(track, 2.3456, kSeconds + 3));
  add("same-groove.wav", kWav, machine_music(2, 1, kSeconds));
  check();
  std::vector<std::vector<std::size_t>> with_original;
  for (const Finding& finding : report_.findings) {
    EXPECT_EQ(finding.problem, Problem::kNearDuplicate);
    ASSERT_TRUE(finding.match.has_value());
    EXPECT_EQ((std::vector<std::size_t>{finding.match->first, finding.match->second}),
              finding.files);
    EXPECT_LE(finding.match->logmel_distance, kMaxLogMelDistance);
    if (finding.files.front() == 0) {
      with_original.push_back(finding.files);
      RecordProperty(files_[finding.files[1]].path.filename().string(), finding.details);
    }
  }
  EXPECT_EQ(with_original, (std::vector<std::vector<std::size_t>>{
                               {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 6}}));
  Names groups(7, "duplicate 1");
  groups.emplace_back();
  EXPECT_EQ(report_.groups, groups);
}

TEST_F(DatasetCheck, finds_exact_copies_and_what_disagrees_among_them) {
  const Clip clip = machine_music(1, 1, 4);
  add("a.wav", kWav, clip, "techno");
  add("b.wav", kWav, clip, "house");
  add("c.flac", kFlac, clip, "techno");
  add("d.wav", kWav, machine_music(2, 2, 4));
  files_[0].split = "train";
  files_[2].split = "test";
  check();
  EXPECT_EQ(findings(),
            (Names{"same-file: a.wav b.wav", "same-samples: a.wav c.flac",
                   "label-conflict: a.wav b.wav c.flac", "split-leak: a.wav b.wav c.flac"}));
}

TEST_F(DatasetCheck, finds_damage_and_poor_sound) {
  const Clip clip = machine_music(1, 1, 4);
  add("good.wav", kWav, clip);
  testing::write_bytes(folder_ / "text.wav", std::string("no audio, though long enough for some"));
  add_path("text.wav");
  add_path("missing.wav");
  add("cut.flac", kFlac, machine_music(2, 2, 4));
  const std::vector<char> bytes = testing::bytes_of(folder_ / "cut.flac");
  testing::write_bytes(folder_ / "cut.flac", std::span(bytes).first(bytes.size() / 2));
  add("short.wav", kWav, cut(machine_music(3, 3, 2), 0, 0.9));
  Clip silent = machine_music(4, 4, 4);
  std::fill(silent.interleaved.begin() + std::ssize(silent.interleaved) * 2 / 5,
            silent.interleaved.end(), 0.0F);
  add("silent.wav", kWav, silent);
  Clip clipped = louder(machine_music(5, 5, 4), 20);
  for (float& sample : clipped.interleaved) {
    sample = std::clamp(sample, -1.0F, 32767.0F / 32768);
  }
  add("clipped.wav", kWav, clipped);
  Clip equal = machine_music(6, 6, 4);
  for (std::size_t i = 0; i < equal.interleaved.size(); i += 2) {
    equal.interleaved[i + 1] = equal.interleaved[i];
  }
  add("equal.ogg", kOgg, equal);
  check();
  EXPECT_EQ(findings(), (Names{"unreadable: text.wav", "unreadable: missing.wav",
                               "truncated: cut.flac", "too-short: short.wav", "silent: silent.wav",
                               "clipped: clipped.wav", "equal-channels: equal.ogg"}));
  EXPECT_EQ(report_.facts[2].error->error_class(), ErrorClass::kNotFound);

  options_.ignored = {Problem::kUnreadable, Problem::kClipped, Problem::kEqualChannels};
  options_.shortest_s = 0.5;
  check();
  EXPECT_EQ(findings(), (Names{"truncated: cut.flac", "silent: silent.wav"}));
}

TEST_F(DatasetCheck, two_files_of_silence_are_no_duplicates_unless_their_bytes_are) {
  const Clip silence{16000, 1, std::vector<float>(64000)};
  add("a.wav", kWav, silence);
  add("b.flac", kFlac, silence);
  add("c.wav", kWav, silence);
  check();
  EXPECT_EQ(findings(),
            (Names{"silent: a.wav", "silent: b.flac", "silent: c.wav", "same-file: a.wav c.wav"}));
}

TEST_F(DatasetCheck, duplicates_and_groups_that_meet_become_one_group) {
  const Clip clip = machine_music(1, 1, 4);
  add("a.wav", kWav, clip);
  add("b.wav", kWav, clip);
  add("c.wav", kWav, machine_music(2, 2, 4));
  add("d.wav", kWav, machine_music(3, 3, 4));
  add("e.flac", kFlac, machine_music(3, 3, 4));
  files_[1].group = files_[2].group = "Kraftwerk";
  check();
  EXPECT_EQ(report_.groups,
            (Names{"Kraftwerk", "Kraftwerk", "Kraftwerk", "duplicate 1", "duplicate 1"}));
  files_[1].group = files_[2].group = "duplicate 1";  // a name that is taken
  check();
  EXPECT_EQ(report_.groups,
            (Names{"duplicate 1", "duplicate 1", "duplicate 1", "duplicate 2", "duplicate 2"}));
}

TEST_F(DatasetCheck, tells_its_progress_and_stops_on_what_is_thrown_there) {
  add("a.wav", kWav, machine_music(1, 1, 2));
  add_path("missing.wav");
  std::vector<std::size_t> done;
  double seconds = 0;
  CheckProgress progress;
  progress.on_file = [&](std::size_t files_done, double audio_seconds) {
    done.push_back(files_done);
    seconds = audio_seconds;
  };
  check_dataset(files_, options_, progress);
  EXPECT_EQ(done, (std::vector<std::size_t>{1, 2}));
  EXPECT_NEAR(seconds, 2, 1e-3);
  struct Stop {};
  progress.on_file = [](std::size_t, double) { throw Stop(); };
  EXPECT_THROW(check_dataset(files_, options_, progress), Stop);
}

TEST(Problem, has_a_name_of_its_own) {
  for (const Problem problem : kProblems) {
    EXPECT_EQ(problem_called(problem_name(problem)), problem);
  }
  EXPECT_FALSE(problem_called("boring").has_value());
}

}  // namespace
}  // namespace vggroove
