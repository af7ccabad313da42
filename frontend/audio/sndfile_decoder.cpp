#include "frontend/audio/sndfile_decoder.h"

#include <sndfile.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

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

// What libsndfile says of the file, or of the one that it could not open.
std::string words_of(SNDFILE* sndfile) {
  std::string words = sf_strerror(sndfile);
  if (words.find("SF_INFO") != std::string::npos) {
    return "its header gives an impossible sample rate";  // says libsndfile's caller is at fault
  }
  if (words.ends_with('.')) {
    words.pop_back();
  }
  constexpr std::string_view kPrefix = "Error : ";
  return words.starts_with(kPrefix) ? words.substr(kPrefix.size()) : words;
}

// libsndfile numbers such errors, but publishes the numbers of four only.
ErrorClass error_class_of(std::string_view words) {
  for (const std::string_view unsupported : {"unimplemented", "sample rate", "Channel count"}) {
    if (words.find(unsupported) != std::string_view::npos) {
      return ErrorClass::kUnsupported;
    }
  }
  return ErrorClass::kCorrupt;
}

}  // namespace

struct SndfileDecoder::Handle {
  SNDFILE* sndfile = nullptr;
  ~Handle() { sf_close(sndfile); }
};

SndfileDecoder::SndfileDecoder(AudioFile& file) : Decoder(file), file_(file), handle_(new Handle) {
  SF_VIRTUAL_IO callbacks = {size_bytes, seek, read_bytes, refuse_to_write, position_bytes};
  SF_INFO header = {};
  file.seek(0);
  handle_->sndfile = sf_open_virtual(&callbacks, SFM_READ, &header, &file);
  if (handle_->sndfile == nullptr) {
    const std::string words = words_of(nullptr);
    refuse_to_open(error_class_of(words), words);
  }
  info_ = {header.samplerate, header.channels, format_name(header.format)};
  missing_frames_ = header.frames;
  const std::size_t channels = static_cast<std::size_t>(std::max(header.channels, 1));
  mono_.resize(std::max(kInterleavedSamples / channels, std::size_t{1}));
  interleaved_.resize(mono_.size() * channels);
}

SndfileDecoder::~SndfileDecoder() = default;

std::span<const float> SndfileDecoder::decode() {
  if (!ended_) {
    const sf_count_t count = sf_readf_float(handle_->sndfile, interleaved_.data(),
                                            static_cast<sf_count_t>(mono_.size()));
    const std::size_t frames = static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
    missing_frames_ -= static_cast<std::int64_t>(frames);
    ended_ = frames < mono_.size();
    // libFLAC complains about a last frame that is cut, and about tags behind it.
    const bool is_complete = missing_frames_ <= 0 || file_.position_bytes() >= file_.size_bytes();
    if (ended_ && !is_complete && sf_error(handle_->sndfile) != SF_ERR_NO_ERROR) {
      failure_ = words_of(handle_->sndfile);
    }
    if (frames > 0) {
      mix(std::span(interleaved_).first(frames * static_cast<std::size_t>(info_.num_channels)),
          info_.num_channels, mono_.data());
      return std::span(mono_).first(frames);
    }
  }
  if (!failure_.empty()) {
    stop(failure_);
  }
  return {};
}

}  // namespace vggroove
