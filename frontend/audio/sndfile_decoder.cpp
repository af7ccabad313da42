#include "frontend/audio/sndfile_decoder.h"

#include <sndfile.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace vggroove {
namespace {

// 64 kB of interleaved samples stay in the second-level cache between decoder and mean.
constexpr std::size_t kInterleavedSamples = std::size_t{16} << 10;

AudioFile& file_behind(void* user_data) {
  return *static_cast<AudioFile*>(user_data);
}

sf_count_t size_bytes(void* user_data) {
  return file_behind(user_data).size_bytes();
}

sf_count_t seek(sf_count_t offset, int whence, void* user_data) {
  AudioFile& file = file_behind(user_data);
  const sf_count_t base = whence == SEEK_CUR   ? file.position_bytes()
                          : whence == SEEK_END ? file.size_bytes()
                                               : 0;
  sf_count_t position = 0;
  if (__builtin_add_overflow(base, offset, &position) || position < 0) {
    return -1;
  }
  file.seek(position);
  return position;
}

sf_count_t read_bytes(void* out, sf_count_t count, void* user_data) {
  const std::size_t wanted = static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
  return static_cast<sf_count_t>(
      file_behind(user_data).read({static_cast<unsigned char*>(out), wanted}));
}

sf_count_t refuse_to_write(const void*, sf_count_t, void*) {
  return 0;
}

sf_count_t position_bytes(void* user_data) {
  return file_behind(user_data).position_bytes();
}

std::string format_name(int format) {
  switch (format & SF_FORMAT_TYPEMASK) {
    case SF_FORMAT_WAV:
    case SF_FORMAT_WAVEX:
      return "WAV";
    case SF_FORMAT_FLAC:
      return "FLAC";
    case SF_FORMAT_OGG:
      return (format & SF_FORMAT_SUBMASK) == SF_FORMAT_VORBIS ? "Ogg Vorbis" : "Ogg";
    case SF_FORMAT_AIFF:
      return "AIFF";
    case SF_FORMAT_AU:
      return "AU";
    case SF_FORMAT_W64:
      return "W64";
    case SF_FORMAT_RF64:
      return "RF64";
    case SF_FORMAT_CAF:
      return "CAF";
  }
  return "libsndfile";
}

}  // namespace

struct SndfileDecoder::Handle {
  SNDFILE* sndfile = nullptr;
  ~Handle() { sf_close(sndfile); }
};

SndfileDecoder::SndfileDecoder(AudioFile& file) : Decoder(file), handle_(new Handle) {
  SF_VIRTUAL_IO callbacks = {size_bytes, seek, read_bytes, refuse_to_write, position_bytes};
  SF_INFO header = {};
  file.seek(0);
  handle_->sndfile = sf_open_virtual(&callbacks, SFM_READ, &header, &file);
  if (handle_->sndfile == nullptr) {
    refuse_to_open(sf_strerror(nullptr));
  }
  info_ = {header.samplerate, header.channels, format_name(header.format)};
  const std::size_t channels = static_cast<std::size_t>(std::max(header.channels, 1));
  mono_.resize(std::max(kInterleavedSamples / channels, std::size_t{1}));
  interleaved_.resize(mono_.size() * channels);
}

SndfileDecoder::~SndfileDecoder() = default;

std::span<const float> SndfileDecoder::decode() {
  if (ended_) {
    return {};
  }
  const sf_count_t count =
      sf_readf_float(handle_->sndfile, interleaved_.data(), static_cast<sf_count_t>(mono_.size()));
  const std::size_t frames = static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
  ended_ = frames < mono_.size();
  if (ended_ && sf_error(handle_->sndfile) != SF_ERR_NO_ERROR) {
    stop(sf_strerror(handle_->sndfile));
  }
  channel_mean(std::span(interleaved_).first(frames * static_cast<std::size_t>(info_.num_channels)),
               info_.num_channels, mono_.data());
  return std::span(mono_).first(frames);
}

}  // namespace vggroove
