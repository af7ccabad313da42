#include "frontend/audio/mpeg_frames.h"

#include <algorithm>
#include <array>

namespace vggroove {
namespace {

// Random bytes look like three frames in a row about once in 1e11 positions.
constexpr int kChainedFrames = 3;
constexpr std::array<unsigned char, 4> kGap = {};

std::optional<MpegHeader> header_at(AudioFile& file, std::int64_t position_bytes) {
  std::array<unsigned char, MpegHeader::kBytes> bytes = {};
  file.seek(position_bytes);
  if (file.read(bytes) < bytes.size()) {
    return std::nullopt;
  }
  return MpegHeader::parse(bytes);
}

bool frames_chain_from(AudioFile& file, std::int64_t position_bytes, MpegHeader header) {
  for (int frame = 1; frame < kChainedFrames; ++frame) {
    position_bytes += static_cast<std::int64_t>(header.frame_bytes);
    if (position_bytes + static_cast<std::int64_t>(MpegHeader::kBytes) > file.size_bytes()) {
      return position_bytes == file.size_bytes() || frame > 1;
    }
    const std::optional<MpegHeader> following = header_at(file, position_bytes);
    if (!following || !following->continues(header)) {
      return false;
    }
    header = *following;
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> find_mpeg_frames(AudioFile& file, std::int64_t begin_bytes,
                                             std::int64_t end_bytes) {
  constexpr std::int64_t kStepBytes = 4096;
  std::array<unsigned char, kStepBytes + MpegHeader::kBytes - 1> bytes = {};
  for (std::int64_t at = begin_bytes; at < end_bytes; at += kStepBytes) {
    file.seek(at);
    const std::span view = std::span(bytes).first(file.read(bytes));
    for (std::size_t i = 0; i < kStepBytes && i + MpegHeader::kBytes <= view.size(); ++i) {
      if (view[i] != 0xff) {
        continue;
      }
      const auto header = MpegHeader::parse(view.subspan(i).first<MpegHeader::kBytes>());
      const std::int64_t position_bytes = at + static_cast<std::int64_t>(i);
      if (header && frames_chain_from(file, position_bytes, *header)) {
        return position_bytes;
      }
    }
    if (view.size() < bytes.size()) {
      break;
    }
  }
  return std::nullopt;
}

bool MpegFrames::load_frame() {
  frame_.clear();
  delivered_bytes_ = 0;
  std::optional<MpegHeader> header = header_at(file_, next_bytes_);
  if (!header || (previous_ && !header->continues(*previous_))) {
    // From the frame before on: its header may be what is damaged.
    const std::int64_t begin_bytes =
        previous_ ? previous_bytes_ + static_cast<std::int64_t>(MpegHeader::kBytes) : 0;
    const auto found = find_mpeg_frames(file_, begin_bytes, file_.size_bytes());
    if (!found) {
      return false;
    }
    next_bytes_ = *found;
    header = header_at(file_, next_bytes_);
    frame_.assign(kGap.begin(), kGap.end());
  }
  if (!header ||
      next_bytes_ + static_cast<std::int64_t>(header->frame_bytes) > file_.size_bytes()) {
    return false;
  }
  const std::size_t gap_bytes = frame_.size();
  frame_.resize(gap_bytes + header->frame_bytes);
  file_.seek(next_bytes_);
  if (file_.read(std::span(frame_).subspan(gap_bytes)) < header->frame_bytes) {
    return false;
  }
  previous_ = header;
  previous_bytes_ = next_bytes_;
  next_bytes_ += static_cast<std::int64_t>(header->frame_bytes);
  return true;
}

std::size_t MpegFrames::read(std::span<unsigned char> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    if (delivered_bytes_ == frame_.size() && !load_frame()) {
      frame_.clear();
      break;
    }
    const std::size_t part = std::min(frame_.size() - delivered_bytes_, out.size() - done);
    std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(delivered_bytes_), part,
                out.begin() + static_cast<std::ptrdiff_t>(done));
    delivered_bytes_ += part;
    done += part;
  }
  return done;
}

}  // namespace vggroove
