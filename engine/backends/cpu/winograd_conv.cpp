#include "engine/backends/cpu/winograd_conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "engine/device/parallel_for.h"

namespace vggroove::cpu {
namespace {

const Conv3x3Spec& checked(const Conv3x3Spec& spec) {
  if (!WinogradFilters::can_take(spec.in_channels, spec.out_channels) || spec.height == 0 ||
      spec.height % kTileOutputs != 0 || spec.width == 0 || spec.width % kTileOutputs != 0) {
    throw Error(ErrorClass::kUsage,
                fmt::format("no Winograd convolution for {}x{}x{} -> {} channels; use oneDNN's",
                            spec.height, spec.width, spec.in_channels, spec.out_channels));
  }
  return spec;
}

}  // namespace

WinogradConv::WinogradConv(Arithmetic arithmetic, const Conv3x3Spec& spec,
                           const WeightReader& weights, const WeightReader& biases)
    : spec_(checked(spec)),
      input_shape_{spec.height, spec.width, spec.in_channels},
      output_shape_{spec.height, spec.width, spec.out_channels},
      pass_tiles_(WinogradFilters::pass_tiles(input_shape_)),
      chunk_(std::max<std::size_t>(1, pass_tiles_ / tiles_per_image(input_shape_))),
      filters_(arithmetic, spec.in_channels, spec.out_channels),
      biases_(spec.out_channels * sizeof(float)) {
  const std::size_t in = spec.in_channels, out = spec.out_channels;
  biases(0, {biases_.as<float>(), out});
  // Pieces of 32 input channels: 9 taps x 32 x out floats, 0.6 MB for 512 outputs.
  constexpr std::size_t kPieceDepth = WinogradFilters::kPieceDepth;
  parallel_for(in / kPieceDepth, [&](std::size_t piece) {
    std::vector<float> taps(9 * kPieceDepth * out);
    const float* tap_rows[9];
    for (std::size_t tap = 0; tap < 9; ++tap) {
      weights(static_cast<std::int64_t>((tap * in + piece * kPieceDepth) * out),
              std::span(taps).subspan(tap * kPieceDepth * out, kPieceDepth * out));
      tap_rows[tap] = taps.data() + tap * kPieceDepth * out;
    }
    filters_.set_piece(tap_rows, piece * kPieceDepth);
  });
}

std::size_t WinogradConv::input_bytes() const {
  return spec_.height * spec_.width * spec_.in_channels * sizeof(float);
}

std::size_t WinogradConv::output_bytes() const {
  return spec_.height * spec_.width * spec_.out_channels * sizeof(float) / (spec_.max_pool ? 4 : 1);
}

std::size_t WinogradConv::scratch_bytes(std::size_t n) const {
  return filters_.scratch_bytes(std::min(pass_tiles_, n * tiles_per_image(input_shape_)));
}

void WinogradConv::forward(const std::byte* input, std::size_t n, std::byte* output,
                           std::byte* scratch) const {
  const std::size_t all_tiles = n * tiles_per_image(input_shape_);
  OutputTransform finish;
  finish.bias = biases_.as<float>();
  finish.shape = output_shape_;
  finish.ending = spec_.max_pool ? OutputTransform::kBiasReluPool : OutputTransform::kBiasRelu;
  finish.output = reinterpret_cast<float*>(output);
  for (std::size_t first = 0; first < all_tiles; first += pass_tiles_) {
    finish.first_tile = first;
    finish.num_tiles = std::min(pass_tiles_, all_tiles - first);
    filters_.apply(reinterpret_cast<const float*>(input), finish, scratch);
  }
}

}  // namespace vggroove::cpu
