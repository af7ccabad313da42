#include "frontend/audio/mpeg_decoder.h"

#include <fmt/format.h>
#include <mpg123.h>

#include "frontend/audio/mpeg_frames.h"

namespace vggroove {
namespace {

// 64 kB of interleaved samples stay in the second-level cache between decoder and mean.
constexpr std::size_t kInterleavedSamples = std::size_t{16} << 10;

ssize_t read_bytes(void* user_data, void* out, size_t count) {
  return static_cast<ssize_t>(
      static_cast<MpegFrames*>(user_data)->read({static_cast<unsigned char*>(out), count}));
}

}  // namespace

struct MpegDecoder::Handle {
  explicit Handle(AudioFile& file) : frames(file) {}

  MpegFrames frames;
  mpg123_handle* mpg123 = nullptr;
  ~Handle() { mpg123_delete(mpg123); }
};

// libmpg123 and not libsndfile around it: libsndfile lets it print warnings, and guesses the length
// from the first frame's bit rate and cuts off what lies behind (variable bit rate without an
// index).
MpegDecoder::MpegDecoder(AudioFile& file) : Decoder(file), handle_(new Handle(file)) {
  static const int library_ready = mpg123_init();
  int error = library_ready;
  if (error == MPG123_OK) {
    handle_->mpg123 = mpg123_new(nullptr, &error);
  }
  mpg123_handle* const mpg123 = handle_->mpg123;
  if (mpg123 == nullptr) {
    refuse_to_open(ErrorClass::kCorrupt, mpg123_plain_strerror(error));
  }
  mpg123_param(mpg123, MPG123_ADD_FLAGS, MPG123_FORCE_FLOAT | MPG123_GAPLESS | MPG123_QUIET, 0);
  mpg123_param(mpg123, MPG123_REMOVE_FLAGS, MPG123_AUTO_RESAMPLE, 0);
  mpg123_replace_reader_handle(mpg123, read_bytes, nullptr, nullptr);
  if (mpg123_open_handle(mpg123, &handle_->frames) != MPG123_OK) {
    refuse_to_open(ErrorClass::kCorrupt, mpg123_strerror(mpg123));
  }
  take_format();
  mpg123_frameinfo frame = {};
  mpg123_info(mpg123, &frame);
  info_.format = fmt::format("MP{}", frame.layer);
  interleaved_.resize(kInterleavedSamples);
  mono_.resize(kInterleavedSamples);
}

MpegDecoder::~MpegDecoder() = default;

void MpegDecoder::take_format() {
  long rate_hz = 0;
  int encoding = 0;
  if (mpg123_getformat(handle_->mpg123, &rate_hz, &num_channels_, &encoding) != MPG123_OK) {
    refuse_to_open(ErrorClass::kCorrupt, mpg123_strerror(handle_->mpg123));
  }
  if (info_.sample_rate_hz == 0) {
    info_.sample_rate_hz = static_cast<int>(rate_hz);
    info_.num_channels = num_channels_;
  } else if (info_.sample_rate_hz != rate_hz) {
    stop(fmt::format("the sample rate changes from {} to {} Hz", info_.sample_rate_hz, rate_hz));
  }
}

std::span<const float> MpegDecoder::decode() {
  for (;;) {
    std::size_t filled_bytes = 0;
    const int status =
        mpg123_read(handle_->mpg123, reinterpret_cast<unsigned char*>(interleaved_.data()),
                    interleaved_.size() * sizeof(float), &filled_bytes);
    const std::span filled = std::span(interleaved_).first(filled_bytes / sizeof(float));
    const std::size_t frames = filled.size() / static_cast<std::size_t>(num_channels_);
    mix(filled, num_channels_, mono_.data());
    if (status == MPG123_NEW_FORMAT) {
      take_format();
    } else if (status != MPG123_OK && status != MPG123_DONE) {
      stop(mpg123_strerror(handle_->mpg123));
    }
    if (frames > 0 || status == MPG123_DONE) {
      return std::span(mono_).first(frames);
    }
  }
}

}  // namespace vggroove
