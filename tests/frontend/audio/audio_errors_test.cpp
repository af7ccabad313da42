#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <limits>

#include "tests/frontend/audio/read_audio.h"
#include "tests/support/audio_clip.h"
#include "tests/support/expect_error.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::make_clip;
using testing::read_all;
using testing::sine;
using testing::write_bytes;
using testing::write_clip;

constexpr int kWav16 = SF_FORMAT_WAV | SF_FORMAT_PCM_16;

// Offsets in the header that libsndfile writes for 16 bits.
constexpr std::size_t kRiffSize = 4, kCodec = 20, kChannels = 22, kRate = 24, kBits = 34,
                      kDataSize = 40, kHeaderBytes = 44;

class AudioErrors : public ::testing::Test {
 protected:
  // A one-second WAV whose header says something else.
  template <class Integer>
  std::filesystem::path patched_wav(std::size_t offset, Integer value) {
    write_clip(folder_ / "patched.wav", kWav16, make_clip(8000, 2, 1, sine(440)));
    std::vector<char> bytes = bytes_of(folder_ / "patched.wav");
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    write_bytes(folder_ / "patched.wav", bytes);
    return folder_ / "patched.wav";
  }

  std::filesystem::path file_of(const std::string& name, std::string_view bytes) {
    write_bytes(folder_ / name, bytes);
    return folder_ / name;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(AudioErrors, names_a_missing_file) {
  expect_error(ErrorClass::kNotFound, "nowhere/song.mp3: no such file",
               [&] { AudioReader(folder_ / "nowhere/song.mp3"); });
}

TEST_F(AudioErrors, says_why_a_file_cannot_be_opened) {
  std::filesystem::create_symlink("loop.wav", folder_ / "loop.wav");
  expect_error(ErrorClass::kUnreadable,
               "loop.wav: cannot be opened: ", [&] { AudioReader(folder_ / "loop.wav"); });
  std::filesystem::permissions(folder_.path(), std::filesystem::perms{0755});
  std::filesystem::permissions(file_of("secret.wav", "x"), std::filesystem::perms::none);
  const testing::OrdinaryUser not_root;
  expect_error(ErrorClass::kUnreadable, "secret.wav: cannot be opened: Permission denied",
               [&] { AudioReader(folder_ / "secret.wav"); });
}

TEST_F(AudioErrors, refuses_what_is_no_regular_file) {
  expect_error(ErrorClass::kUnsupported, "is a directory", [&] { AudioReader(folder_.path()); });
  expect_error(ErrorClass::kUnsupported, "/dev/zero: is a pipe or a device",
               [&] { AudioReader("/dev/zero"); });
  // Nobody writes into this pipe: a reader that waited would hang.
  ASSERT_EQ(mkfifo((folder_ / "pipe.wav").c_str(), 0600), 0);
  expect_error(ErrorClass::kUnsupported, "is a pipe or a device",
               [&] { AudioReader(folder_ / "pipe.wav"); });
}

TEST_F(AudioErrors, tells_empty_from_silent) {
  expect_error(ErrorClass::kEmpty, "0 bytes", [&] { AudioReader(file_of("empty.mp3", "")); });
  for (const int format :
       {kWav16, SF_FORMAT_AIFF | SF_FORMAT_PCM_16, SF_FORMAT_CAF | SF_FORMAT_PCM_16}) {
    write_clip(folder_ / "none", format, make_clip(8000, 1, 0, sine(1)));
    expect_error(ErrorClass::kEmpty, "no audio samples", [&] { read_all(folder_ / "none"); });
  }
  write_clip(folder_ / "silent.wav", kWav16, make_clip(8000, 1, 0.1, sine(1, 0)));
  EXPECT_EQ(read_all(folder_ / "silent.wav"), std::vector<float>(1600, 0.0F));
}

TEST_F(AudioErrors, recognises_what_is_no_audio) {
  std::string random(200000, ' ');
  unsigned state = 1;
  for (char& byte : random) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  std::string utf16 = "\xff\xfe";  // looks like the first bytes of an MPEG frame
  for (int i = 0; i < 3000; ++i) {
    utf16 += static_cast<char>('A' + i % 26);
    utf16 += '\0';
  }
  for (const auto& content : std::vector<std::pair<std::string, std::string>>{
           {"is not an audio file", random},
           {"is not an audio file", utf16},
           {"is not an audio file", "x"},
           {"is not an audio file", std::string(100000, '\0')},
           {"is not an audio file", std::string(100000, '\xff')},
           {"a web page", "<!DOCTYPE html><title>404 Not Found</title>"},
           {"an MP4", std::string("\0\0\0\x20"
                                  "ftypM4A \0\0\0\0",
                                  16)},
           {"an AVI", "RIFF....AVI LIST"},
           {"a ZIP archive", "PK\x03\x04.........."}}) {
    expect_error(ErrorClass::kUnsupported, content.first,
                 [&] { read_all(file_of("song.mp3", content.second)); });
  }
}

TEST_F(AudioErrors, refuses_rates_and_channels_out_of_range) {
  for (const std::uint32_t rate_hz : {1u, 3999u, 384001u, 2000000000u}) {
    expect_error(ErrorClass::kUnsupported, "sample rate " + std::to_string(rate_hz) + " Hz",
                 [&] { AudioReader(patched_wav(kRate, rate_hz)); });
  }
  expect_error(ErrorClass::kUnsupported, "impossible sample rate",
               [&] { AudioReader(patched_wav(kRate, 0u)); });
  expect_error(ErrorClass::kUnsupported, "impossible sample rate",
               [&] { AudioReader(patched_wav(kRate, 0xfffffff0u)); });
  expect_error(ErrorClass::kUnsupported, "number of channels 65",
               [&] { AudioReader(patched_wav(kChannels, std::uint16_t{65})); });
  expect_error(ErrorClass::kUnsupported, "Channel count is zero",
               [&] { AudioReader(patched_wav(kChannels, std::uint16_t{0})); });
}

TEST_F(AudioErrors, refuses_headers_that_make_no_sense) {
  expect_error(ErrorClass::kCorrupt, "cannot be decoded",
               [&] { AudioReader(patched_wav(kCodec, std::uint16_t{0x1234})); });
  expect_error(ErrorClass::kUnsupported, "unimplemented format",
               [&] { AudioReader(patched_wav(kBits, std::uint16_t{0})); });
  const std::vector<char> bytes = bytes_of(patched_wav(kRate, 8000u));
  write_bytes(folder_ / "header.wav", std::span(bytes).first(30));
  expect_error(ErrorClass::kCorrupt, "cannot be decoded",
               [&] { AudioReader(folder_ / "header.wav"); });
}

TEST_F(AudioErrors, believes_the_file_and_not_the_length_in_its_header) {
  for (const std::uint32_t size_bytes : {0xffffffffu, 0x7fffffffu, 0xfffffff0u}) {
    EXPECT_EQ(read_all(patched_wav(kDataSize, size_bytes)).size(), 16000u);
    EXPECT_EQ(read_all(patched_wav(kRiffSize, size_bytes)).size(), 16000u);
  }
  const std::vector<char> bytes = bytes_of(patched_wav(kRate, 8000u));
  write_bytes(folder_ / "cut.wav", std::span(bytes).first(kHeaderBytes + 4 * 4000));
  EXPECT_EQ(read_all(folder_ / "cut.wav").size(), 8000u);
}

// Puts a file that cannot be read in the place of the one that `path` is open as.
void break_reading_of(const std::filesystem::path& path) {
  const int unreadable = open("/dev/null", O_WRONLY | O_CLOEXEC);
  int num_broken = 0;
  for (const auto& link : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code closed_meanwhile;
    if (std::filesystem::read_symlink(link, closed_meanwhile) == path) {
      dup2(unreadable, std::stoi(link.path().filename()));
      ++num_broken;
    }
  }
  close(unreadable);
  ASSERT_EQ(num_broken, 1);
}

TEST_F(AudioErrors, tells_a_failing_disk_from_the_end_of_the_file) {
  const auto clip = make_clip(48000, 2, 12, testing::music());  // longer than the read-ahead
  for (const int format :
       {kWav16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III,
        SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS}) {
    SCOPED_TRACE(::testing::Message() << std::hex << format);
    write_clip(folder_ / "song", format, clip);
    AudioReader reader(folder_ / "song");
    break_reading_of(folder_ / "song");
    expect_error(ErrorClass::kIo, "song: reading failed: ", [&] { read_all(reader); });
  }
}

TEST_F(AudioErrors, refuses_samples_that_are_no_numbers) {
  for (const int codec : {SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE}) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), -3e12F}) {
      for (const int rate_hz : {16000, 8000}) {
        auto clip = make_clip(rate_hz, 2, 2, sine(440));
        clip.interleaved[static_cast<std::size_t>(3 * rate_hz) + 1] = bad;
        write_clip(folder_ / "bad.wav", SF_FORMAT_WAV | codec, clip);
        expect_error(ErrorClass::kInvalid, "bad.wav: the sample at 1.50 s is ",
                     [&] { read_all(folder_ / "bad.wav"); });
      }
    }
  }
  // Integers that somebody wrote as floats are no reason to refuse.
  write_clip(folder_ / "loud.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT,
             make_clip(16000, 1, 0.1, sine(440, 2147483648.0)));
  EXPECT_EQ(read_all(folder_ / "loud.wav").size(), 1600u);
}

}  // namespace
}  // namespace vggroove
