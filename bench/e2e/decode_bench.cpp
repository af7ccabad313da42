// Audio files -> 16 kHz mono, on one core: 60 s of synthetic music, 44.1 kHz stereo (Opus: 48 kHz).
//   decode_bench [--seconds 1] [--json] [FILE...]
// Per format: times real time (CPU time) of decoding with the mean over the channels, of
// resampling, and of the whole AudioReader. Verifies what the reader gives against the signal
// before timing. With FILE... your own recordings are timed instead.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/support/cpu_time.h"
#include "frontend/audio/audio_reader.h"
#include "frontend/audio/decoder.h"
#include "frontend/audio/resampler.h"
#include "tests/support/audio_clip.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace vggroove;

constexpr double kDuration_s = 60;
constexpr int kOutputRateHz = 16000;

struct Format {
  const char* file_name;
  int format;
  int sample_rate_hz;
  double tolerance;  // relative L2 error: what the encoder takes away
};

constexpr Format kFormats[] = {
    {"music.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 1e-3},
    {"music.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 1e-3},
    {"music.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 0.3},
    {"music.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 0.3},
    {"music.opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 0.3},
};

std::vector<float> read_whole(const std::filesystem::path& path) {
  AudioReader reader(path);
  std::vector<float> all, block(kOutputRateHz);
  while (const std::size_t count = reader.read(block)) {
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

double relative_error(const std::vector<float>& expected, const std::vector<float>& actual) {
  if (expected.size() != actual.size()) {
    return std::nan("");
  }
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
    difference += d * d;
    norm += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return std::sqrt(difference / norm);
}

nlohmann::json measure(const std::filesystem::path& path, double seconds) {
  std::vector<float> block(kOutputRateHz);
  AudioFile opened(path);
  const auto decoder = open_decoder(opened);
  const int rate_hz = decoder->info().sample_rate_hz;
  std::size_t chunk_samples = 0;
  while (const std::size_t count = decoder->next().size()) {
    chunk_samples = std::max(chunk_samples, count);
  }
  const double duration_s = decoder->decoded_seconds();
  const std::vector<float> chunk(chunk_samples);
  const auto decode = [&] {
    AudioFile file(path);
    const auto one = open_decoder(file);
    while (!one->next().empty()) {
    }
  };
  const auto resample = [&] {
    Resampler resampler(rate_hz, kOutputRateHz);
    for (double done = 0; done < duration_s * rate_hz; done += static_cast<double>(chunk_samples)) {
      resampler.push(chunk);
    }
  };
  const auto everything = [&] {
    AudioReader reader(path);
    while (reader.read(block) > 0) {
    }
  };
  const auto timings = bench::time_interleaved(seconds, decode, resample, everything);
  return {{"format", decoder->info().format},
          {"sample_rate_hz", rate_hz},
          {"num_channels", decoder->info().num_channels},
          {"bytes_per_s", static_cast<double>(std::filesystem::file_size(path)) / duration_s},
          {"decode_x_real_time", duration_s / timings[0].best_s},
          {"resample_x_real_time", duration_s / timings[1].best_s},
          {"total_x_real_time", duration_s / timings[2].best_s},
          {"median_total_x_real_time", duration_s / timings[2].median_s}};
}

void print_row(const nlohmann::json& row) {
  const auto value = [&](const char* key) { return row.at(key).get<double>(); };
  fmt::print(
      "{:10} {:5.1f} kHz x {}, {:4.0f} kbit/s: decode and mean {:6.0f}, resample {:6.0f}, "
      "total {:6.0f} x real time per core (median {:.0f})\n",
      row.at("format").get<std::string>(), value("sample_rate_hz") / 1000,
      row.at("num_channels").get<int>(), value("bytes_per_s") * 8 / 1000,
      value("decode_x_real_time"), value("resample_x_real_time"), value("total_x_real_time"),
      value("median_total_x_real_time"));
}

int run(const std::vector<std::string>& files, double seconds, bool json) {
  nlohmann::json report = nlohmann::json::array();
  const auto add = [&](const std::filesystem::path& path) {
    report.push_back(measure(path, seconds));
    if (!json) {
      print_row(report.back());
    }
  };
  for (const std::string& file : files) {
    add(file);
  }
  const testing::TemporaryFolder folder;
  if (files.empty()) {
    const auto mean = [](double time_s, int) {
      return (testing::music()(time_s, 0) + testing::music()(time_s, 1)) / 2;
    };
    testing::write_clip(folder / "mean.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT,
                        testing::make_clip(44100, 1, kDuration_s, mean));
    const std::vector<float> expected = read_whole(folder / "mean.wav");
    for (const Format& format : kFormats) {
      const auto path = folder / format.file_name;
      testing::write_clip(
          path, format.format,
          testing::make_clip(format.sample_rate_hz, 2, kDuration_s, testing::music()));
      const double error = relative_error(expected, read_whole(path));
      if (!(error <= format.tolerance)) {
        fmt::print(stderr, "decode_bench: {} is off by {}, allowed are {}\n", format.file_name,
                   error, format.tolerance);
        return 1;
      }
      add(path);
    }
  }
  if (json) {
    fmt::print("{}\n", report.dump(2));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Audio files to 16 kHz mono: times real time per core");
  std::vector<std::string> files;
  double seconds = 1;
  bool json = false;
  app.add_option("FILE", files, "recordings to time in place of synthetic music");
  app.add_option("--seconds", seconds, "CPU time per measurement");
  app.add_flag("--json", json, "print JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(files, seconds, json);
  } catch (const Error& error) {
    fmt::print(stderr, "decode_bench: {}\n", error.what());
    return 1;
  }
}
