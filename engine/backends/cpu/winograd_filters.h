#pragma once

#include "engine/backends/cpu/gemm.h"
#include "engine/backends/cpu/winograd_transform.h"
#include "engine/device/huge_buffer.h"

namespace vggroove::cpu {

// The 3x3 filters of one layer, transformed and packed for F(4x4, 3x3), and the pass that applies
// them to some tiles of its input.
//   in_channels a multiple of 32 and at most 512, out_channels a multiple of 64
class WinogradFilters {
 public:
  static bool can_take(std::size_t in_channels, std::size_t out_channels);
  WinogradFilters(Arithmetic arithmetic, std::size_t in_channels, std::size_t out_channels);

  // Filters are set in pieces of this many input channels, each by any thread.
  static constexpr std::size_t kPieceDepth = 32;
  // taps[r * 3 + s] points at the weights of tap (r, s) for input channels [first_row, first_row +
  // kPieceDepth), [kPieceDepth][out_channels] row-major.
  void set_piece(const float* const taps[9], std::size_t first_row);

  // Tiles to take in one pass: streams the filters once, and wants V of its tiles in L2.
  static std::size_t pass_tiles(const ImageShape& input_shape);
  std::size_t scratch_bytes(std::size_t num_tiles) const;

  // What `finish` says about tiles, shape, bias and so on becomes of input [n, h, w, in]; m,
  // frequency_floats and the channels are set here. scratch: 64-byte aligned.
  void apply(const float* input, OutputTransform finish, std::byte* scratch) const;

 private:
  std::size_t frequency_bytes_of_v(std::size_t num_tiles) const;
  std::size_t frequency_floats_of_m(std::size_t num_tiles) const;
  void multiply(const std::byte* v, std::size_t num_tiles, std::size_t first_channel, float* m,
                float* widened) const;

  Arithmetic arithmetic_;
  std::size_t in_channels_, out_channels_;
  HugeBuffer filters_;  // [out / 64][36][2][in][32], in the order in which they are read
};

}  // namespace vggroove::cpu
