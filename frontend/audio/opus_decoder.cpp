#include "frontend/audio/opus_decoder.h"

#include <fmt/format.h>
#include <opus.h>
#include <opusfile.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace vggroove {
namespace {

constexpr int kRateHz = 48000;
constexpr std::size_t kLongestPacketSamples = 5760;  // 120 ms
constexpr std::size_t kMostChannels = 8;             // of the channel layouts that opusfile takes
constexpr std::size_t kChunkSamples = std::size_t{8} << 10;

int read_bytes(void* user_data, unsigned char* out, int count) {
  return static_cast<int>(
      static_cast<AudioFile*>(user_data)->read({out, static_cast<std::size_t>(count)}));
}

std::string_view words_of(int error) {
  switch (error) {
    case OP_EREAD:
      return "reading failed";
    case OP_EIMPL:
    case OP_EVERSION:
      return "it uses a feature of Opus that is not supported";
    case OP_ENOTFORMAT:
    case OP_EBADHEADER:
      return "its header is damaged";
    case OP_EBADLINK:
    case OP_EBADTIMESTAMP:
      return "its time stamps contradict each other";
  }
  return "the decoder failed";
}

}  // namespace

// Mono and stereo are decoded by an OpusDecoder of our own with one channel: libopus then takes
// the mean of the channels before its inverse transform, which is linear, so the result is the
// same to 2e-7 (to one step of 16 bits in the speech mode, which works in integers). 2.7x as fast
// on a virtual machine, where the multistream decoder that opusfile uses spends more than half of
// its time in a CPUID instruction per packet, which traps; without that trap some 1.2x.
struct OggOpusDecoder::Handle {
  OggOpusFile* opusfile = nullptr;
  OpusDecoder* mono_decoder = nullptr;
  int link = -1;  // of the chained streams, the one that mono_decoder is set up for
  std::array<float, kLongestPacketSamples> packet = {};

  ~Handle() {
    op_free(opusfile);
    opus_decoder_destroy(mono_decoder);
  }

  bool begin_link(int next_link) {
    const OpusHead* const head = op_head(opusfile, next_link);
    link = next_link;
    opus_decoder_ctl(mono_decoder, OPUS_RESET_STATE);
    opus_decoder_ctl(mono_decoder, OPUS_SET_GAIN(head->output_gain));
    // With one channel libopus suppresses phase inversion; the mean of two channels has it.
    return opus_decoder_ctl(mono_decoder, OPUS_SET_PHASE_INVERSION_DISABLED(0)) == OPUS_OK;
  }

  static int decode_packet(void* user_data, OpusMSDecoder*, void* pcm, const ogg_packet* packet,
                           int num_samples, int num_channels, int format, int link) {
    Handle& self = *static_cast<Handle*>(user_data);
    if (num_channels > 2 || format != OP_DEC_FORMAT_FLOAT ||
        num_samples > static_cast<int>(kLongestPacketSamples)) {
      return OP_DEC_USE_DEFAULT;
    }
    if (link != self.link && !self.begin_link(link)) {
      return OP_DEC_USE_DEFAULT;
    }
    const int decoded =
        opus_decode_float(self.mono_decoder, packet->packet, static_cast<opus_int32>(packet->bytes),
                          self.packet.data(), num_samples, 0);
    if (decoded != num_samples) {
      return decoded < 0 ? decoded : OPUS_INVALID_PACKET;
    }
    float* out = static_cast<float*>(pcm);
    for (int i = 0; i < num_samples; ++i) {
      out = std::fill_n(out, num_channels, self.packet[static_cast<std::size_t>(i)]);
    }
    return 0;
  }
};

OggOpusDecoder::OggOpusDecoder(AudioFile& file) : Decoder(file), handle_(new Handle) {
  // Without seek and tell opusfile reads from front to back only, and does not search the ends of
  // chained streams first.
  const OpusFileCallbacks callbacks = {read_bytes, nullptr, nullptr, nullptr};
  file.seek(0);
  int error = 0;
  handle_->opusfile = op_open_callbacks(&file, &callbacks, nullptr, 0, &error);
  if (handle_->opusfile == nullptr) {
    refuse_to_open(
        error == OP_EIMPL || error == OP_EVERSION ? ErrorClass::kUnsupported : ErrorClass::kCorrupt,
        std::string(words_of(error)));
  }
  handle_->mono_decoder = opus_decoder_create(kRateHz, 1, &error);
  if (handle_->mono_decoder != nullptr) {
    op_set_decode_callback(handle_->opusfile, Handle::decode_packet, handle_.get());
  }
  info_ = {kRateHz, op_channel_count(handle_->opusfile, -1), "Opus"};
  interleaved_.resize(kLongestPacketSamples * kMostChannels);
  mono_.resize(kChunkSamples + kLongestPacketSamples * kMostChannels);
}

OggOpusDecoder::~OggOpusDecoder() = default;

void OggOpusDecoder::observe(FrameTap tap) {
  op_set_decode_callback(handle_->opusfile, nullptr, nullptr);  // ours gives the mean only
  Decoder::observe(std::move(tap));
}

std::span<const float> OggOpusDecoder::decode() {
  std::size_t filled = 0;
  while (filled < kChunkSamples) {
    int link = 0;
    const int count = op_read_float(handle_->opusfile, interleaved_.data(),
                                    static_cast<int>(interleaved_.size()), &link);
    if (count == OP_HOLE || count == OP_EBADPACKET) {
      continue;
    }
    if (count < 0) {
      stop(std::string(words_of(count)));
    }
    if (count == 0) {
      break;
    }
    const int channels = op_channel_count(handle_->opusfile, link);
    const auto num_samples = static_cast<std::size_t>(count);
    mix(std::span(interleaved_).first(num_samples * static_cast<std::size_t>(channels)), channels,
        mono_.data() + filled);
    filled += num_samples;
  }
  return std::span(mono_).first(filled);
}

}  // namespace vggroove
