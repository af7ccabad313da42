#include "engine/backends/cpu/winograd_conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "engine/device/parallel_for.h"

namespace vggroove::cpu {
namespace {

// Output channels whose M is kept for all frequencies at once. M [36][tiles][64] is 0.9 MB for 96
// tiles and stays in L2 until the output transform; V is read once per 64 channels.
constexpr std::size_t kBlockChannels = 64;
constexpr std::size_t kBlockPanels = kBlockChannels / kPanelColumns;

// Tiles per pass. A pass streams the filters once (4 / tiles bytes per multiply-add) and wants V
// [36][tiles][in] in L2: with 96 tiles or more the input transform of 128 channels spills and takes
// twice as long. 48 tiles were best for images of 24 tiles and more (64 -> 128 channels: 77 % of
// the multiply-add peak, 70 % with 96); layers with 6 tiles per image have so many channels that V
// never fits, and take the number that asks least of the memory.
constexpr std::size_t kPassTiles = 48;
constexpr std::size_t kDeepPassTiles = 96;

// Rows of V and M of one frequency are a power of two apart; 3 cache lines more keep the 36
// streams of a transform out of one cache set.
constexpr std::size_t kSkewBytes = 3 * kLineBytes;

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

WinogradConv::WinogradConv(Arithmetic arithmetic, const Conv3x3Spec& spec,
                           const WeightReader& weights, const WeightReader& biases)
    : arithmetic_(arithmetic),
      spec_(spec),
      input_shape_{spec.height, spec.width, spec.in_channels},
      output_shape_{spec.height, spec.width, spec.out_channels} {
  const std::size_t in = spec.in_channels, out = spec.out_channels;
  if (in == 0 || in % 32 != 0 || in > kMaxImageChannels || out == 0 || out % kBlockChannels != 0 ||
      spec.height == 0 || spec.height % kTileOutputs != 0 || spec.width == 0 ||
      spec.width % kTileOutputs != 0) {
    throw Error(ErrorClass::kUsage,
                fmt::format("no Winograd convolution for {}x{}x{} -> {} channels; use oneDNN's",
                            spec.height, spec.width, in, out));
  }
  const std::size_t image_tiles = tiles_per_image(input_shape_);
  pass_tiles_ = image_tiles < kGroupRows ? kDeepPassTiles : kPassTiles;
  chunk_ = std::max<std::size_t>(1, pass_tiles_ / image_tiles);

  biases_ = HugeBuffer(out * sizeof(float));
  biases(0, {biases_.as<float>(), out});

  const std::size_t panel_bytes = b_panel_bytes(arithmetic, in);
  filters_ = HugeBuffer(out / kPanelColumns * kNumFrequencies * panel_bytes);
  // Pieces of 32 input channels: 9 taps x 32 x out floats, 0.6 MB for 512 outputs.
  constexpr std::size_t kPieceDepth = 32;
  parallel_for(in / kPieceDepth, [&](std::size_t piece) {
    const std::size_t first_row = piece * kPieceDepth;
    std::vector<float> taps(9 * kPieceDepth * out);
    for (std::size_t tap = 0; tap < 9; ++tap) {
      weights(static_cast<std::int64_t>((tap * in + first_row) * out),
              std::span(taps).subspan(tap * kPieceDepth * out, kPieceDepth * out));
    }
    std::vector<float> transformed(kNumFrequencies * kPieceDepth * kPanelColumns);
    for (std::size_t panel = 0; panel < out / kPanelColumns; ++panel) {
      const float* tap_columns[9];
      for (std::size_t tap = 0; tap < 9; ++tap) {
        tap_columns[tap] = taps.data() + tap * kPieceDepth * out + panel * kPanelColumns;
      }
      winograd_transform_filters(tap_columns, out, kPieceDepth, transformed.data());
      std::byte* const block =
          filters_.data() + panel / kBlockPanels * kNumFrequencies * kBlockPanels * panel_bytes;
      for (std::size_t f = 0; f < kNumFrequencies; ++f) {
        std::byte* const to = block + (f * kBlockPanels + panel % kBlockPanels) * panel_bytes;
        pack_panel(arithmetic, transformed.data() + f * kPieceDepth * kPanelColumns, kPanelColumns,
                   kPieceDepth, to + first_row * (panel_bytes / in));
      }
    }
  });
}

std::size_t WinogradConv::input_bytes() const {
  return spec_.height * spec_.width * spec_.in_channels * sizeof(float);
}

std::size_t WinogradConv::output_bytes() const {
  return spec_.height * spec_.width * spec_.out_channels * sizeof(float) / (spec_.max_pool ? 4 : 1);
}

std::size_t WinogradConv::frequency_bytes_of_v(std::size_t num_tiles) const {
  return (num_tiles + kGroupRows - 1) / kGroupRows * a_group_bytes(arithmetic_, spec_.in_channels) +
         kSkewBytes;
}

std::size_t WinogradConv::frequency_floats_of_m(std::size_t num_tiles) const {
  return num_tiles * kBlockChannels + kSkewBytes / sizeof(float);
}

std::size_t WinogradConv::scratch_bytes(std::size_t n) const {
  const std::size_t num_tiles = std::min(pass_tiles_, n * tiles_per_image(input_shape_));
  const std::size_t widened = arithmetic_ == Arithmetic::kBf16Weights ? kWidenedBytes : 0;
  return kNumFrequencies *
             (frequency_bytes_of_v(num_tiles) + frequency_floats_of_m(num_tiles) * sizeof(float)) +
         widened;
}

void WinogradConv::forward(const std::byte* input, std::size_t n, std::byte* output,
                           std::byte* scratch) const {
  const std::size_t all_tiles = n * tiles_per_image(input_shape_);
  for (std::size_t first = 0; first < all_tiles; first += pass_tiles_) {
    pass(reinterpret_cast<const float*>(input), first, std::min(pass_tiles_, all_tiles - first),
         reinterpret_cast<float*>(output), scratch);
  }
}

void WinogradConv::pass(const float* input, std::size_t first_tile, std::size_t num_tiles,
                        float* output, std::byte* scratch) const {
  const std::size_t v_bytes = frequency_bytes_of_v(num_tiles);
  const std::size_t m_floats = frequency_floats_of_m(num_tiles);
  std::byte* const v = scratch;
  auto* const m = reinterpret_cast<float*>(v + kNumFrequencies * v_bytes);
  float* const widened = m + kNumFrequencies * m_floats;

  winograd_transform_input(arithmetic_, input, input_shape_, first_tile, num_tiles, v, v_bytes);
  OutputTransform finish{.m = m,
                         .frequency_floats = m_floats,
                         .bias = biases_.as<float>(),
                         .shape = output_shape_,
                         .max_pool = spec_.max_pool,
                         .first_tile = first_tile,
                         .num_tiles = num_tiles,
                         .first_channel = 0,
                         .num_channels = kBlockChannels,
                         .output = output};
  for (; finish.first_channel < spec_.out_channels; finish.first_channel += kBlockChannels) {
    multiply(v, num_tiles, finish.first_channel, m, widened);
    winograd_transform_output(finish);
  }
}

// M = V U for all 36 frequencies and 64 output channels. The panels of U lie in the order of use,
// so the next one is prefetched while this one works; likewise V of the next frequency.
void WinogradConv::multiply(const std::byte* v, std::size_t num_tiles, std::size_t first_channel,
                            float* m, float* widened) const {
  const std::size_t v_bytes = frequency_bytes_of_v(num_tiles);
  const std::size_t panel_bytes = b_panel_bytes(arithmetic_, spec_.in_channels);
  const std::byte* panel =
      filters_.data() + first_channel / kPanelColumns * kNumFrequencies * panel_bytes;
  const std::byte* const end =
      filters_.data() + spec_.out_channels / kPanelColumns * kNumFrequencies * panel_bytes;
  PanelProduct product;
  product.a_group_bytes = a_group_bytes(arithmetic_, spec_.in_channels);
  product.rows = num_tiles;
  product.depth = spec_.in_channels;
  product.c_stride = kBlockChannels;
  const std::size_t v_share = round_up(v_bytes / kBlockPanels, kLineBytes);
  for (std::size_t f = 0; f < kNumFrequencies; ++f) {
    product.a = v + f * v_bytes;
    const std::byte* const next_v = v + (f + 1) % kNumFrequencies * v_bytes;
    for (std::size_t p = 0; p < kBlockPanels; ++p, panel += panel_bytes) {
      product.b = panel;
      product.c = m + f * frequency_floats_of_m(num_tiles) + p * kPanelColumns;
      const std::byte* const next_panel = panel + panel_bytes;
      product.prefetch[0] = {next_panel, next_panel < end ? panel_bytes : 0};
      product.prefetch[1] = {next_v + p * v_share, std::min(v_share, v_bytes - p * v_share)};
      multiply_panel(arithmetic_, product, widened);
    }
  }
}

}  // namespace vggroove::cpu
