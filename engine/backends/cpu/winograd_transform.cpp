#include "engine/backends/cpu/winograd_transform.h"

#include <cstdint>
#include <type_traits>

#include "engine/backends/cpu/highway_targets.h"
#include "engine/backends/cpu/winograd_points.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/winograd_transform.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/backends/cpu/winograd_store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vggroove::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kTag;
using Vector = hn::Vec<decltype(kTag)>;
constexpr std::size_t kLanes = hn::MaxLanes(kTag);

HWY_INLINE Vector constant(float value) {
  return hn::Set(kTag, value);
}

// v = B^T d, six pixels d in a row or column, in three parts that need different pixels:
// v_0 from d_0, d_2, d_4 and v_5 from d_1, d_3, d_5 (the points 0 and infinity);
HWY_INLINE Vector transform_input_end(Vector d0, Vector d2, Vector d4) {
  return hn::MulAdd(constant(-(kP2 + kQ2)), d2, hn::MulAdd(constant(kP2 * kQ2), d0, d4));
}
// v_1, v_2 (x = p, other = q) and v_3, v_4 (the other way round): even part +- x odd part.
HWY_INLINE void transform_input_pair(float x, float other, Vector d1, Vector d2, Vector d3,
                                     Vector d4, Vector& plus, Vector& minus) {
  const Vector even = hn::NegMulAdd(constant(other * other), d2, d4);
  const Vector odd = hn::NegMulAdd(constant(other * other), d1, d3);
  plus = hn::MulAdd(constant(x), odd, even);
  minus = hn::NegMulAdd(constant(x), odd, even);
}

// y = A^T m.
HWY_INLINE void transform_output_row(const Vector m[6], Vector y[4]) {
  const Vector sum_p = hn::Add(m[1], m[2]), difference_p = hn::Sub(m[1], m[2]);
  const Vector sum_q = hn::Add(m[3], m[4]), difference_q = hn::Sub(m[3], m[4]);
  y[0] = hn::Add(hn::Add(m[0], sum_p), sum_q);
  y[1] = hn::MulAdd(constant(kP), difference_p, hn::Mul(constant(kQ), difference_q));
  y[2] = hn::MulAdd(constant(kP2), sum_p, hn::Mul(constant(kQ2), sum_q));
  y[3] = hn::MulAdd(constant(kP3), difference_p, hn::MulAdd(constant(kQ3), difference_q, m[5]));
}

// The second direction: one row of six, transformed and stored to its frequencies.
template <class Element>
HWY_INLINE void transform_and_store_row(const Vector d[6], Element* to, std::size_t frequency) {
  Vector v[6];
  v[0] = transform_input_end(d[0], d[2], d[4]);
  transform_input_pair(kP, kQ, d[1], d[2], d[3], d[4], v[1], v[2]);
  transform_input_pair(kQ, kP, d[1], d[2], d[3], d[4], v[3], v[4]);
  v[5] = transform_input_end(d[1], d[3], d[5]);
  HWY_UNROLL(6)
  for (std::size_t j = 0; j < 6; ++j) {
    store_values(kTag, v[j], to + j * frequency);
  }
}

// A 6x6 patch of one vector of channels. One or two rows of frequencies at a time: all 36 values
// would not fit into 32 registers; loading pixels again costs a tenth less than spilling.
template <class Element>
HWY_INLINE void transform_patch(const float* const patch[6][6], std::size_t c, Element* to,
                                std::size_t frequency) {
  HWY_UNROLL(2)
  for (std::size_t end = 0; end < 2; ++end) {
    Vector row[6];
    HWY_UNROLL(6)
    for (std::size_t j = 0; j < 6; ++j) {
      row[j] = transform_input_end(hn::Load(kTag, patch[end][j] + c),
                                   hn::Load(kTag, patch[end + 2][j] + c),
                                   hn::Load(kTag, patch[end + 4][j] + c));
    }
    transform_and_store_row(row, to + end * 5 * 6 * frequency, frequency);
  }
  HWY_UNROLL(2)
  for (std::size_t pair = 0; pair < 2; ++pair) {
    Vector plus[6], minus[6];
    HWY_UNROLL(6)
    for (std::size_t j = 0; j < 6; ++j) {
      transform_input_pair(pair == 0 ? kP : kQ, pair == 0 ? kQ : kP,
                           hn::Load(kTag, patch[1][j] + c), hn::Load(kTag, patch[2][j] + c),
                           hn::Load(kTag, patch[3][j] + c), hn::Load(kTag, patch[4][j] + c),
                           plus[j], minus[j]);
    }
    transform_and_store_row(plus, to + (1 + 2 * pair) * 6 * frequency, frequency);
    transform_and_store_row(minus, to + (2 + 2 * pair) * 6 * frequency, frequency);
  }
}

// A zero for every channel of a pixel outside the image.
alignas(64) constexpr float kZeros[kMaxImageChannels] = {};

// Where V's values go. Lines: the layout of A that multiply_panel takes. Rows: [tile][channels].
// Pairs: [tile / 2][channels] words of two tiles.
struct Lines {
  template <class Element>
  static Element* place(Element* v, std::size_t channels, std::size_t tile, std::size_t channel) {
    constexpr std::size_t kLineElements = kLineBytes / sizeof(Element);
    return v + tile / kGroupRows * kGroupRows * channels + tile % kGroupRows * kLineElements +
           channel / kLineElements * kGroupRows * kLineElements + channel % kLineElements;
  }
};
struct Rows {
  static float* place(float* v, std::size_t channels, std::size_t tile, std::size_t channel) {
    return v + tile * channels + channel;
  }
};
struct Pairs {
  static std::uint32_t* place(std::uint32_t* v, std::size_t channels, std::size_t tile,
                              std::size_t channel) {
    return v + tile / 2 * channels + channel;
  }
};

template <class Layout, class Element>
void transform_input_to(const float* HWY_RESTRICT input, const ImageShape& shape,
                        std::size_t first_tile, std::size_t num_tiles, Element* v,
                        std::size_t frequency) {
  const auto height = static_cast<std::ptrdiff_t>(shape.height);
  const auto width = static_cast<std::ptrdiff_t>(shape.width);
  const auto channels = static_cast<std::ptrdiff_t>(shape.channels);
  const std::size_t tile_columns = shape.width / kTileOutputs;
  const std::size_t image_tiles = tiles_per_image(shape);
  for (std::size_t t = 0; t < num_tiles; ++t) {
    const std::size_t image = (first_tile + t) / image_tiles;
    const std::size_t tile = (first_tile + t) % image_tiles;
    const float* const pixels = input + image * shape.height * shape.width * shape.channels;
    const auto top = static_cast<std::ptrdiff_t>(tile / tile_columns * kTileOutputs) - 1;
    const auto left = static_cast<std::ptrdiff_t>(tile % tile_columns * kTileOutputs) - 1;
    const float* patch[kTileInputs][kTileInputs];
    for (std::ptrdiff_t i = 0; i < 6; ++i) {
      for (std::ptrdiff_t j = 0; j < 6; ++j) {
        const std::ptrdiff_t y = top + i, x = left + j;
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        patch[i][j] = inside ? pixels + (y * width + x) * channels : kZeros;
      }
    }
    for (std::size_t c = 0; c < shape.channels; c += kLanes) {
      Element* const to = Layout::place(v, shape.channels, t, c);
      if constexpr (!std::is_same_v<Layout, Pairs>) {
        transform_patch(patch, c, to, frequency);
      } else if (t % 2 == 0) {
        transform_patch(patch, c, reinterpret_cast<LowerOfPair*>(to), frequency);
      } else {
        transform_patch(patch, c, reinterpret_cast<UpperOfPair*>(to), frequency);
      }
    }
  }
}

void transform_input(Arithmetic arithmetic, const float* input, const ImageShape& shape,
                     std::size_t first_tile, std::size_t num_tiles, std::byte* v,
                     std::size_t frequency_bytes) {
  if (arithmetic == Arithmetic::kBf16Dot) {
    transform_input_to<Lines>(input, shape, first_tile, num_tiles,
                              reinterpret_cast<std::uint16_t*>(v), frequency_bytes / 2);
  } else {
    transform_input_to<Lines>(input, shape, first_tile, num_tiles, reinterpret_cast<float*>(v),
                              frequency_bytes / sizeof(float));
  }
}

void transform_input_rows(const float* input, const ImageShape& shape, std::size_t first_tile,
                          std::size_t num_tiles, float* v, std::size_t frequency_floats) {
  transform_input_to<Rows>(input, shape, first_tile, num_tiles, v, frequency_floats);
}

void transform_input_pairs(const float* input, const ImageShape& shape, std::size_t first_tile,
                           std::size_t num_tiles, std::uint32_t* v, std::size_t frequency_words) {
  transform_input_to<Pairs>(input, shape, first_tile, num_tiles, v, frequency_words);
}

// What becomes of the 4x4 outputs of a tile: `to` is the place of the first one, rows are
// `row_floats` apart, pixels `pixel_floats`.
template <OutputTransform::Ending kEnding>
HWY_INLINE void finish_tile(const Vector y[4][4], Vector bias, const float* mask, float* to,
                            std::size_t row_floats, std::size_t pixel_floats) {
  const Vector zero = hn::Zero(kTag);
  if constexpr (kEnding == OutputTransform::kBiasReluPool) {
    // The largest of four, then bias and ReLU once: both are monotonic.
    HWY_UNROLL(2)
    for (int i = 0; i < 2; ++i) {
      HWY_UNROLL(2)
      for (int j = 0; j < 2; ++j) {
        const Vector largest = hn::Max(hn::Max(y[2 * i][2 * j], y[2 * i][2 * j + 1]),
                                       hn::Max(y[2 * i + 1][2 * j], y[2 * i + 1][2 * j + 1]));
        hn::Store(hn::Max(hn::Add(largest, bias), zero), kTag,
                  to + i * row_floats + j * pixel_floats);
      }
    }
  } else {
    HWY_UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      HWY_UNROLL(4)
      for (int j = 0; j < 4; ++j) {
        const std::size_t at = i * row_floats + j * pixel_floats;
        Vector value = y[i][j];
        if constexpr (kEnding == OutputTransform::kBiasRelu) {
          value = hn::Max(hn::Add(value, bias), zero);
        } else if constexpr (kEnding == OutputTransform::kMasked) {
          value = hn::IfThenElseZero(hn::Gt(hn::Load(kTag, mask + at), zero), value);
        }
        hn::Store(value, kTag, to + at);
      }
    }
  }
}

template <OutputTransform::Ending kEnding>
void transform_output_to(const OutputTransform& o) {
  constexpr std::size_t kSide =  // of a finished tile
      kEnding == OutputTransform::kBiasReluPool ? kTileOutputs / 2 : kTileOutputs;
  const std::size_t tile_columns = o.shape.width / kTileOutputs;
  const std::size_t image_tiles = tiles_per_image(o.shape);
  const std::size_t row_floats = tile_columns * kSide * o.shape.channels;
  const std::size_t image_floats = image_tiles * kSide * kSide * o.shape.channels;
  for (std::size_t t = 0; t < o.num_tiles; ++t) {
    const std::size_t image = (o.first_tile + t) / image_tiles;
    const std::size_t tile = (o.first_tile + t) % image_tiles;
    const std::size_t first = image * image_floats + tile / tile_columns * kSide * row_floats +
                              tile % tile_columns * kSide * o.shape.channels + o.first_channel;
    const float* const from = o.m + t * o.num_channels;
    for (std::size_t c = 0; c < o.num_channels; c += kLanes) {
      Vector columns[4][6];
      HWY_UNROLL(6)
      for (int j = 0; j < 6; ++j) {
        Vector m[6], y[4];
        for (int i = 0; i < 6; ++i) {
          m[i] = hn::Load(kTag, from + (i * 6 + j) * o.frequency_floats + c);
        }
        transform_output_row(m, y);
        for (int i = 0; i < 4; ++i) {
          columns[i][j] = y[i];
        }
      }
      Vector y[4][4];
      HWY_UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        transform_output_row(columns[i], y[i]);
      }
      constexpr bool kHasBias =
          kEnding == OutputTransform::kBiasRelu || kEnding == OutputTransform::kBiasReluPool;
      const Vector bias = kHasBias ? hn::Load(kTag, o.bias + o.first_channel + c) : hn::Zero(kTag);
      const float* const mask = kEnding == OutputTransform::kMasked ? o.mask + first + c : nullptr;
      finish_tile<kEnding>(y, bias, mask, o.output + first + c, row_floats, o.shape.channels);
    }
  }
}

void transform_output(const OutputTransform& o) {
  switch (o.ending) {
    case OutputTransform::kBiasRelu:
      return transform_output_to<OutputTransform::kBiasRelu>(o);
    case OutputTransform::kBiasReluPool:
      return transform_output_to<OutputTransform::kBiasReluPool>(o);
    case OutputTransform::kPlain:
      return transform_output_to<OutputTransform::kPlain>(o);
    case OutputTransform::kMasked:
      return transform_output_to<OutputTransform::kMasked>(o);
  }
}

constexpr hn::CappedTag<double, 8> kDoubleTag;
using DoubleVector = hn::Vec<decltype(kDoubleTag)>;
constexpr std::size_t kDoubleLanes = hn::MaxLanes(kDoubleTag);

// u = G g, three taps to six values. Row n of G is (1, x, x^2) / (the Lagrange denominator) of
// point x; the last one is infinity, (0, 0, 1).
HWY_INLINE void transform_filter_row(const DoubleVector g[3], DoubleVector u[6]) {
  constexpr double p = kP, q = kQ;
  constexpr double kPoints[5] = {0, p, -p, q, -q};
  constexpr double kDenominators[5] = {kDenominator0, kDenominatorP, kDenominatorP, kDenominatorQ,
                                       kDenominatorQ};
  for (int n = 0; n < 5; ++n) {
    const double scale = 1 / kDenominators[n], x = kPoints[n];
    const DoubleVector linear =
        hn::MulAdd(hn::Set(kDoubleTag, x * scale), g[1], hn::Mul(hn::Set(kDoubleTag, scale), g[0]));
    u[n] = hn::MulAdd(hn::Set(kDoubleTag, x * x * scale), g[2], linear);
  }
  u[5] = g[2];
}

void transform_filters(const float* const taps[9], std::size_t row_stride, std::size_t depth,
                       float* filters, std::size_t frequency_floats) {
  const hn::Rebind<float, decltype(kDoubleTag)> float_tag;
  for (std::size_t k = 0; k < depth; ++k) {
    for (std::size_t column = 0; column < kPanelColumns; column += kDoubleLanes) {
      DoubleVector rows[6][3];
      for (int s = 0; s < 3; ++s) {
        DoubleVector g[3], u[6];
        for (int r = 0; r < 3; ++r) {
          g[r] = hn::PromoteTo(kDoubleTag,
                               hn::LoadU(float_tag, taps[r * 3 + s] + k * row_stride + column));
        }
        transform_filter_row(g, u);
        for (int i = 0; i < 6; ++i) {
          rows[i][s] = u[i];
        }
      }
      for (std::size_t i = 0; i < 6; ++i) {
        DoubleVector u[6];
        transform_filter_row(rows[i], u);
        for (std::size_t j = 0; j < 6; ++j) {
          float* const to = filters + (i * 6 + j) * frequency_floats + k * kPanelColumns + column;
          hn::StoreU(hn::DemoteTo(float_tag, u[j]), float_tag, to);
        }
      }
    }
  }
}

}  // namespace
}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::cpu {
namespace {
HWY_EXPORT(transform_input);
HWY_EXPORT(transform_input_rows);
HWY_EXPORT(transform_input_pairs);
HWY_EXPORT(transform_output);
HWY_EXPORT(transform_filters);
}  // namespace

void winograd_transform_input(Arithmetic arithmetic, const float* input, const ImageShape& shape,
                              std::size_t first_tile, std::size_t num_tiles, std::byte* v,
                              std::size_t frequency_bytes) {
  HWY_DYNAMIC_DISPATCH(transform_input)
  (arithmetic, input, shape, first_tile, num_tiles, v, frequency_bytes);
}

void winograd_transform_input_rows(const float* input, const ImageShape& shape,
                                   std::size_t first_tile, std::size_t num_tiles, float* v,
                                   std::size_t frequency_floats) {
  HWY_DYNAMIC_DISPATCH(transform_input_rows)
  (input, shape, first_tile, num_tiles, v, frequency_floats);
}

void winograd_transform_input_rows(const float* input, const ImageShape& shape,
                                   std::size_t first_tile, std::size_t num_tiles, std::uint32_t* v,
                                   std::size_t frequency_words) {
  HWY_DYNAMIC_DISPATCH(transform_input_pairs)
  (input, shape, first_tile, num_tiles, v, frequency_words);
}

void winograd_transform_output(const OutputTransform& transform) {
  HWY_DYNAMIC_DISPATCH(transform_output)(transform);
}

void winograd_transform_filters(const float* const taps[9], std::size_t row_stride,
                                std::size_t depth, float* filters, std::size_t frequency_floats) {
  HWY_DYNAMIC_DISPATCH(transform_filters)(taps, row_stride, depth, filters, frequency_floats);
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE
