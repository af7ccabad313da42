#include "engine/backends/cpu/winograd_filters.h"

#include <algorithm>
#include <vector>

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

bool WinogradFilters::can_take(std::size_t in_channels, std::size_t out_channels) {
  return in_channels > 0 && in_channels % kPieceDepth == 0 && in_channels <= kMaxImageChannels &&
         out_channels > 0 && out_channels % kBlockChannels == 0;
}

WinogradFilters::WinogradFilters(Arithmetic arithmetic, std::size_t in_channels,
                                 std::size_t out_channels)
    : arithmetic_(arithmetic),
      in_channels_(in_channels),
      out_channels_(out_channels),
      filters_(out_channels / kPanelColumns * kNumFrequencies *
               b_panel_bytes(arithmetic, in_channels)) {}

void WinogradFilters::set_piece(const float* const taps[9], std::size_t first_row) {
  const std::size_t panel_bytes = b_panel_bytes(arithmetic_, in_channels_);
  // Written apart and then moved, one frequency after the other: in their final places the 36
  // values of a filter are a power of two apart and would drive each other out of the caches.
  constexpr std::size_t kFrequencyFloats = kPieceDepth * kPanelColumns + kSkewBytes / sizeof(float);
  std::vector<float> transformed(kNumFrequencies * kFrequencyFloats);
  for (std::size_t panel = 0; panel < out_channels_ / kPanelColumns; ++panel) {
    const float* tap_columns[9];
    for (std::size_t tap = 0; tap < 9; ++tap) {
      tap_columns[tap] = taps[tap] + panel * kPanelColumns;
    }
    winograd_transform_filters(tap_columns, out_channels_, kPieceDepth, transformed.data(),
                               kFrequencyFloats);
    std::byte* const block =
        filters_.data() + panel / kBlockPanels * kNumFrequencies * kBlockPanels * panel_bytes;
    for (std::size_t f = 0; f < kNumFrequencies; ++f) {
      std::byte* const to = block + (f * kBlockPanels + panel % kBlockPanels) * panel_bytes;
      pack_panel(arithmetic_, transformed.data() + f * kFrequencyFloats, kPanelColumns, kPieceDepth,
                 to + first_row * b_panel_bytes(arithmetic_, 1));
    }
  }
}

std::size_t WinogradFilters::pass_tiles(const ImageShape& input_shape) {
  return tiles_per_image(input_shape) < kGroupRows ? kDeepPassTiles : kPassTiles;
}

std::size_t WinogradFilters::frequency_bytes_of_v(std::size_t num_tiles) const {
  return (num_tiles + kGroupRows - 1) / kGroupRows * a_group_bytes(arithmetic_, in_channels_) +
         kSkewBytes;
}

std::size_t WinogradFilters::frequency_floats_of_m(std::size_t num_tiles) const {
  return num_tiles * kBlockChannels + kSkewBytes / sizeof(float);
}

std::size_t WinogradFilters::scratch_bytes(std::size_t num_tiles) const {
  const std::size_t widened = arithmetic_ == Arithmetic::kBf16Weights ? kWidenedBytes : 0;
  return kNumFrequencies *
             (frequency_bytes_of_v(num_tiles) + frequency_floats_of_m(num_tiles) * sizeof(float)) +
         widened;
}

void WinogradFilters::apply(const float* input, OutputTransform finish, std::byte* scratch) const {
  const std::size_t num_tiles = finish.num_tiles;
  const std::size_t v_bytes = frequency_bytes_of_v(num_tiles);
  const std::size_t m_floats = frequency_floats_of_m(num_tiles);
  std::byte* const v = scratch;
  auto* const m = reinterpret_cast<float*>(v + kNumFrequencies * v_bytes);
  float* const widened = m + kNumFrequencies * m_floats;

  winograd_transform_input(arithmetic_, input,
                           {finish.shape.height, finish.shape.width, in_channels_},
                           finish.first_tile, num_tiles, v, v_bytes);
  finish.m = m;
  finish.frequency_floats = m_floats;
  finish.num_channels = kBlockChannels;
  for (std::size_t channel = 0; channel < out_channels_; channel += kBlockChannels) {
    finish.first_channel = channel;
    multiply(v, num_tiles, channel, m, widened);
    winograd_transform_output(finish);
  }
}

// M = V U for all 36 frequencies and 64 output channels. The panels of U lie in the order of use,
// so the next one is prefetched while this one works; likewise V of the next frequency.
void WinogradFilters::multiply(const std::byte* v, std::size_t num_tiles, std::size_t first_channel,
                               float* m, float* widened) const {
  const std::size_t v_bytes = frequency_bytes_of_v(num_tiles);
  const std::size_t panel_bytes = b_panel_bytes(arithmetic_, in_channels_);
  const std::byte* panel =
      filters_.data() + first_channel / kPanelColumns * kNumFrequencies * panel_bytes;
  const std::byte* const end =
      filters_.data() + out_channels_ / kPanelColumns * kNumFrequencies * panel_bytes;
  PanelProduct product;
  product.a_group_bytes = a_group_bytes(arithmetic_, in_channels_);
  product.rows = num_tiles;
  product.depth = in_channels_;
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
