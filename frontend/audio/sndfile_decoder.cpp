#include "frontend/audio/sndfile_decoder.h"

#include <sndfile.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/error.h"

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

SndfileDecoder::SndfileDecoder(AudioFile& file) : file_(file), handle_(new Handle) {
  SF_VIRTUAL_IO callbacks = {size_bytes, seek, read_bytes, refuse_to_write, position_bytes};
  SF_INFO header = {};
  file.seek(0);
  handle_->sndfile = sf_open_virtual(&callbacks, SFM_READ, &header, &file);
  if (handle_->sndfile == nullptr) {
    file.throw_if_read_failed();
    const int error_number = sf_error(nullptr);
    const std::string words = sf_error_number(error_number);
    throw Error(error_number == SF_ERR_UNSUPPORTED_ENCODING ? ErrorClass::kUnsupported
                                                            : ErrorClass::kCorrupt,
                file.path().string() + ": cannot be decoded: " + words +
                    "; re-encode the file, for example as FLAC");
  }
  info_ = {header.samplerate, header.channels, format_name(header.format)};
}

SndfileDecoder::~SndfileDecoder() = default;

std::size_t SndfileDecoder::read(std::span<float> mono) {
  const std::size_t channels = static_cast<std::size_t>(info_.num_channels);
  interleaved_.resize(std::max(kInterleavedSamples / channels, std::size_t{1}) * channels);
  std::size_t done = 0;
  while (done < mono.size()) {
    const std::size_t wanted = std::min(interleaved_.size() / channels, mono.size() - done);
    const sf_count_t count =
        sf_readf_float(handle_->sndfile, interleaved_.data(), static_cast<sf_count_t>(wanted));
    const std::size_t frames = static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
    channel_mean(std::span(interleaved_).first(frames * channels), info_.num_channels,
                 mono.data() + done);
    done += frames;
    decoded_samples_ += frames;
    if (frames < wanted) {
      file_.throw_if_read_failed();
      if (sf_error(handle_->sndfile) != SF_ERR_NO_ERROR) {
        throw Error(ErrorClass::kCorrupt, file_.path().string() + ": decoding stopped" + place() +
                                              ": " + sf_strerror(handle_->sndfile) +
                                              "; the file is damaged, fetch or encode it again");
      }
      break;
    }
  }
  return done;
}

}  // namespace vggroove
