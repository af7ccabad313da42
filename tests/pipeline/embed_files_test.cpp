#include "pipeline/embed_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "frontend/logmel/logmel_frames.h"
#include "pipeline/clip_decoder.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Stands in for the network: an embedding is 128 sums over its example, so that every value of the
// example counts and nothing else does. Records how it was used.
class SummingNet : public Vggish {
 public:
  struct Record {
    std::mutex mutex;
    std::vector<std::size_t> batches;          // examples of every run
    std::set<std::thread::id> workers;         // that ran the network
    std::atomic<std::size_t> num_examples{0};  // in all
  };

  explicit SummingNet(milliseconds pause = milliseconds(0), ExampleForm form = ExampleForm::kLogMel)
      : pause_(pause), form_(form) {}

  static void embed(const float* example, ExampleForm form, float* embedding) {
    std::fill_n(embedding, kEmbeddingSize, 0.f);
    for (std::size_t i = 0; i < example_values(form); ++i) {
      embedding[i % kEmbeddingSize] += example[i];
    }
  }

  std::unique_ptr<Session> new_session(std::size_t max_batch) const override {
    return std::make_unique<SummingSession>(record, max_batch, pause_, form_);
  }
  ExampleForm input_form() const override { return form_; }
  std::string device_description() const override { return "sums"; }

  mutable Record record;

 private:
  class SummingSession : public Session {
   public:
    SummingSession(Record& record, std::size_t max_batch, milliseconds pause, ExampleForm form)
        : record_(record), max_batch_(max_batch), pause_(pause), form_(form) {}
    void embed(const float* examples, std::size_t n, float* embeddings) override {
      ASSERT_GE(n, 1u);
      ASSERT_LE(n, max_batch_);
      for (std::size_t i = 0; i < n; ++i) {
        SummingNet::embed(examples + i * example_values(form_), form_,
                          embeddings + i * kEmbeddingSize);
      }
      std::this_thread::sleep_for(pause_);
      record_.num_examples += n;
      const std::lock_guard lock(record_.mutex);
      record_.batches.push_back(n);
      record_.workers.insert(std::this_thread::get_id());
    }

   private:
    Record& record_;
    std::size_t max_batch_;
    milliseconds pause_;
    ExampleForm form_;
  };

  milliseconds pause_;
  ExampleForm form_;
};

class FailingNet : public Vggish {
 public:
  std::unique_ptr<Session> new_session(std::size_t) const override {
    throw std::runtime_error("no session today");
  }
  std::string device_description() const override { return "none"; }
};

class EmbedFiles : public ::testing::Test {
 protected:
  fs::path add_tone(const std::string& name, double seconds) {
    const fs::path path = folder_ / name;
    // 16 kHz: no resampler between the samples and what the test expects.
    testing::write_tone(path, seconds, 200.0 + 37.0 * static_cast<double>(paths_.size()));
    paths_.push_back(path);
    return path;
  }
  void add_bytes(const std::string& name, const std::string& bytes) {
    testing::write_bytes(folder_ / name, bytes);
    paths_.push_back(folder_ / name);
  }

  std::vector<EmbeddedClip> embed(const Vggish& net, int num_jobs, bool strict = false) {
    EmbedFilesOptions options;
    options.num_jobs = num_jobs;
    options.strict = strict;
    std::vector<EmbeddedClip> clips;
    embed_files(
        paths_, net, options, [&](EmbeddedClip&& clip) { clips.push_back(std::move(clip)); },
        [&](const EmbedFilesProgress& progress) { last_progress_ = progress; });
    return clips;
  }

  // One file at a time, no threads: what embed_files must give.
  static std::vector<float> expected_embeddings(const fs::path& path,
                                                ExampleForm form = ExampleForm::kLogMel) {
    ClipDecoder decoder(path, /*strict=*/false, form);
    std::vector<float> example(example_values(form)), embeddings;
    while (decoder.decode(example.data(), 1) == 1) {
      embeddings.resize(embeddings.size() + kEmbeddingSize);
      SummingNet::embed(example.data(), form,
                        embeddings.data() + embeddings.size() - kEmbeddingSize);
    }
    return embeddings;
  }

  testing::TemporaryFolder folder_;
  std::vector<fs::path> paths_;
  EmbedFilesProgress last_progress_;
};

TEST_F(EmbedFiles, gives_the_same_for_any_number_of_jobs_in_the_order_of_the_paths) {
  // Lengths around the borders of examples (0.975 s + k * 0.96 s) and of batches (32 examples).
  const std::vector<double> lengths = {0.2,   0.974, 0.976, 1.93, 1.94, 31.69, 30.72, 0.5,
                                       61.46, 100.0, 5.0,   3.0,  2.0,  32.6,  1.0,   12.3};
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    add_tone("tone" + std::to_string(i) + ".wav", lengths[i]);
  }
  add_bytes("noise.wav", "this is not audio at all");
  paths_.push_back(folder_ / "missing.wav");
  std::rotate(paths_.begin(), paths_.begin() + 5, paths_.end());

  for (const int num_jobs : {1, 2, 3, 7}) {
    const SummingNet net;
    const std::vector<EmbeddedClip> clips = embed(net, num_jobs);
    ASSERT_EQ(clips.size(), paths_.size());
    for (std::size_t i = 0; i < clips.size(); ++i) {
      EXPECT_EQ(clips[i].path, paths_[i]);
      const std::string name = paths_[i].filename().string();
      if (!name.starts_with("tone")) {
        EXPECT_TRUE(clips[i].error.has_value()) << name;
        EXPECT_TRUE(clips[i].embeddings.empty()) << name;
        continue;
      }
      EXPECT_FALSE(clips[i].error.has_value()) << clips[i].error->what();
      EXPECT_GE(clips[i].num_examples(), 1u);
      EXPECT_EQ(clips[i].embeddings, expected_embeddings(paths_[i])) << name << ", " << num_jobs;
    }
    EXPECT_EQ(last_progress_.files_done, paths_.size());
    EXPECT_EQ(last_progress_.files_total, paths_.size());
    EXPECT_EQ(last_progress_.files_failed, 2u);
  }
}

// What a clip's log-mels are computed of, on the host by ClipDecoder or by the network on its
// device.
TEST_F(EmbedFiles, gives_a_network_that_asks_for_them_the_samples_of_the_same_examples) {
  for (const double length : {0.2, 0.976, 1.94, 40.0}) {
    add_tone("tone" + std::to_string(paths_.size()) + ".wav", length);
  }
  const SummingNet net(milliseconds(0), ExampleForm::kSamples);
  const std::vector<EmbeddedClip> clips = embed(net, 2);
  ASSERT_EQ(clips.size(), paths_.size());
  for (std::size_t i = 0; i < clips.size(); ++i) {
    EXPECT_EQ(clips[i].padded, i == 0);
    EXPECT_EQ(clips[i].embeddings, expected_embeddings(paths_[i], ExampleForm::kSamples));
    ClipDecoder samples(paths_[i], false, ExampleForm::kSamples), logmels(paths_[i], false);
    std::vector<float> example(example_values(ExampleForm::kSamples)),
        logmel(LogMelSpec::kExampleValues), expected(LogMelSpec::kExampleValues);
    std::size_t num_examples = 0;
    for (; samples.decode(example.data(), 1) == 1; ++num_examples) {
      ASSERT_EQ(logmels.decode(expected.data(), 1), 1u);
      logmel_frames(example.data(), LogMelSpec::kExampleFrames, logmel.data());
      EXPECT_EQ(logmel, expected);
    }
    EXPECT_EQ(logmels.decode(expected.data(), 1), 0u);
    EXPECT_EQ(num_examples, clips[i].num_examples());
  }
}

TEST_F(EmbedFiles, composes_batches_over_files) {
  for (int i = 0; i < 64; ++i) {
    add_tone("short" + std::to_string(i) + ".wav", 1.0);
  }
  const SummingNet net;
  embed(net, 1);
  EXPECT_EQ(net.record.batches, (std::vector<std::size_t>{32, 32}));
}

TEST_F(EmbedFiles, runs_one_long_file_on_several_workers) {
  add_tone("long.wav", 600);
  const SummingNet net(milliseconds(30));
  const std::vector<EmbeddedClip> clips = embed(net, 3);
  EXPECT_GE(net.record.workers.size(), 2u);
  ASSERT_EQ(clips.size(), 1u);
  EXPECT_EQ(clips[0].num_examples(), 624u);  // floor((600 * 16000 - 400) / 160 + 1) / 96
  EXPECT_EQ(clips[0].embeddings, expected_embeddings(paths_[0]));
  EXPECT_DOUBLE_EQ(clips[0].duration_s, 600);
  EXPECT_DOUBLE_EQ(last_progress_.audio_seconds, 600);
}

TEST_F(EmbedFiles, pads_a_short_clip_and_says_so) {
  add_tone("blip.wav", 0.1);
  add_tone("second.wav", 1.0);
  const SummingNet net;
  const std::vector<EmbeddedClip> clips = embed(net, 2);
  EXPECT_TRUE(clips[0].padded);
  EXPECT_EQ(clips[0].num_examples(), 1u);
  EXPECT_DOUBLE_EQ(clips[0].duration_s, 0.1);
  EXPECT_FALSE(clips[1].padded);
}

TEST_F(EmbedFiles, refuses_a_short_clip_when_strict) {
  add_tone("blip.wav", 0.1);
  add_tone("second.wav", 1.0);
  const SummingNet net;
  const std::vector<EmbeddedClip> clips = embed(net, 2, /*strict=*/true);
  ASSERT_TRUE(clips[0].error.has_value());
  EXPECT_EQ(clips[0].error->error_class(), ErrorClass::kTooShort);
  EXPECT_NE(std::string(clips[0].error->what()).find("blip.wav"), std::string::npos);
  EXPECT_FALSE(clips[1].error.has_value());
}

TEST_F(EmbedFiles, makes_no_call_for_no_paths) {
  const SummingNet net;
  EXPECT_TRUE(embed(net, 2).empty());
}

TEST_F(EmbedFiles, opens_no_more_files_than_its_window_holds) {
  for (int i = 0; i < 200; ++i) {
    add_tone("short" + std::to_string(i) + ".wav", 1.0);
  }
  const SummingNet net;
  EmbedFilesOptions options;
  options.num_jobs = 1;
  std::size_t most_ahead = 0, num_delivered = 0;
  embed_files(paths_, net, options, [&](EmbeddedClip&&) {
    ++num_delivered;
    if (num_delivered == 1) {
      std::this_thread::sleep_for(milliseconds(200));  // time enough to run far ahead
    }
    most_ahead = std::max(most_ahead, net.record.num_examples.load() - num_delivered);
  });
  EXPECT_EQ(num_delivered, 200u);
  EXPECT_GT(most_ahead, 0u);
  EXPECT_LE(most_ahead, 64u);
}

TEST_F(EmbedFiles, stops_on_an_exception_of_on_clip_and_rethrows_it) {
  paths_.assign(100, add_tone("clip.wav", 35.0));
  const SummingNet net(milliseconds(5));
  EmbedFilesOptions options;
  options.num_jobs = 2;
  int num_delivered = 0;
  const auto refuse_third = [&](EmbeddedClip&&) {
    if (++num_delivered == 3) {
      throw std::runtime_error("the disk is full");
    }
  };
  EXPECT_THROW(embed_files(paths_, net, options, refuse_third), std::runtime_error);
  EXPECT_EQ(num_delivered, 3);
  EXPECT_LT(net.record.num_examples, 1000u);  // of 3600
}

TEST_F(EmbedFiles, stops_on_an_exception_of_on_progress_while_a_file_is_read) {
  add_tone("long.wav", 600);
  const SummingNet net(milliseconds(50));
  const auto interrupt = [](const EmbedFilesProgress&) { throw std::runtime_error("interrupt"); };
  EmbedFilesOptions options;
  options.num_jobs = 1;
  EXPECT_THROW(embed_files(
                   paths_, net, options, [](EmbeddedClip&&) {}, interrupt),
               std::runtime_error);
  EXPECT_LT(net.record.num_examples, 600u);
}

TEST_F(EmbedFiles, rethrows_an_exception_of_the_network) {
  add_tone("one.wav", 1.0);
  EXPECT_THROW(embed(FailingNet(), 2), std::runtime_error);
}

// Highest resident set since the last reset, in bytes (Linux).
std::size_t peak_rss_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) {
      return 1024 * std::stoull(line.substr(6));
    }
  }
  return 0;
}

TEST_F(EmbedFiles, needs_no_more_memory_for_a_file_of_an_hour) {
  if (testing::kSanitized) {
    GTEST_SKIP() << "sanitizers need memory of their own";
  }
  // Silence, 8 kHz, as a hole in the file.
  constexpr std::uint32_t kDataBytes = 3600 * 8000 * 2;
  std::string header = testing::wav_bytes<std::int16_t>({}, 8000);
  for (int i = 0; i < 4; ++i) {
    header[4 + i] = static_cast<char>((kDataBytes + 36) >> (8 * i) & 0xff);
    header[40 + i] = static_cast<char>(kDataBytes >> (8 * i) & 0xff);
  }
  add_bytes("hour.wav", header);
  fs::resize_file(paths_[0], header.size() + kDataBytes);

  std::ofstream("/proc/self/clear_refs") << "5";  // resets the peak
  const std::size_t before_bytes = peak_rss_bytes();
  ASSERT_GT(before_bytes, 0u);
  const SummingNet net;
  const std::vector<EmbeddedClip> clips = embed(net, 2);
  ASSERT_EQ(clips.size(), 1u);
  EXPECT_EQ(clips[0].num_examples(), 3749u);
  // Two workers' batches and decoders are 4 MB, the embeddings 2 MB; the hour would be 230 MB of
  // samples or 92 MB of log-mel.
  EXPECT_LE(peak_rss_bytes(), before_bytes + 20'000'000);
}

TEST_F(EmbedFiles, drops_what_came_before_an_error_in_a_file) {
  // 40 s of audio and then a NaN: the first batch has gone through the network when that is found.
  std::vector<float> samples(40 * 16000, 0.25f);
  samples.push_back(std::numeric_limits<float>::quiet_NaN());
  add_bytes("broken.wav", testing::wav_bytes<float>(samples, 16000));
  add_tone("good.wav", 3.0);
  const SummingNet net;
  const std::vector<EmbeddedClip> clips = embed(net, 2);
  ASSERT_EQ(clips.size(), 2u);
  ASSERT_TRUE(clips[0].error.has_value());
  EXPECT_EQ(clips[0].error->error_class(), ErrorClass::kInvalid) << clips[0].error->what();
  EXPECT_TRUE(clips[0].embeddings.empty());
  EXPECT_FALSE(clips[1].error.has_value());
  EXPECT_EQ(clips[1].num_examples(), 3u);
}

}  // namespace
}  // namespace vggroove
