#include "engine/backends/cpu/highway_targets.h"
#include "engine/backends/cpu/winograd_points.h"
#include "engine/backends/cpu/winograd_transform.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/winograd_gradient.cpp"
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

// q = A y: the transpose of transform_output_row.
HWY_INLINE void transform_gradient_row(const Vector y[4], Vector q[6]) {
  const Vector even_p = hn::MulAdd(constant(kP2), y[2], y[0]);
  const Vector odd_p = hn::MulAdd(constant(kP3), y[3], hn::Mul(constant(kP), y[1]));
  const Vector even_q = hn::MulAdd(constant(kQ2), y[2], y[0]);
  const Vector odd_q = hn::MulAdd(constant(kQ3), y[3], hn::Mul(constant(kQ), y[1]));
  q[0] = y[0];
  q[1] = hn::Add(even_p, odd_p);
  q[2] = hn::Sub(even_p, odd_p);
  q[3] = hn::Add(even_q, odd_q);
  q[4] = hn::Sub(even_q, odd_q);
  q[5] = y[3];
}

// A 4x4 tile of one vector of channels; `from` and `to` are the place of its first value.
template <class Element>
HWY_INLINE void transform_gradient_tile(const float* HWY_RESTRICT from, std::size_t row_floats,
                                        std::size_t pixel_floats, Element* HWY_RESTRICT to,
                                        std::size_t frequency) {
  Vector columns[6][4];
  HWY_UNROLL(4)
  for (int j = 0; j < 4; ++j) {
    Vector y[4], column[6];
    for (int i = 0; i < 4; ++i) {
      y[i] = hn::Load(kTag, from + i * row_floats + j * pixel_floats);
    }
    transform_gradient_row(y, column);
    for (int i = 0; i < 6; ++i) {
      columns[i][j] = column[i];
    }
  }
  HWY_UNROLL(6)
  for (int i = 0; i < 6; ++i) {
    Vector row[6];
    transform_gradient_row(columns[i], row);
    for (int j = 0; j < 6; ++j) {
      store_values(kTag, row[j], to + (i * 6 + j) * frequency);
    }
  }
}

// Calls tile(from, t, c): the gradients of tile first_tile + t, channels from c.
template <class Tile>
HWY_INLINE void for_each_gradient_tile(const float* HWY_RESTRICT grad_y, const ImageShape& shape,
                                       std::size_t first_tile, std::size_t num_tiles,
                                       const Tile& tile) {
  const std::size_t tile_columns = shape.width / kTileOutputs;
  const std::size_t image_tiles = tiles_per_image(shape);
  const std::size_t row_floats = shape.width * shape.channels;
  for (std::size_t t = 0; t < num_tiles; ++t) {
    const std::size_t image = (first_tile + t) / image_tiles;
    const std::size_t place = (first_tile + t) % image_tiles;
    const float* const from = grad_y + image * shape.height * row_floats +
                              place / tile_columns * kTileOutputs * row_floats +
                              place % tile_columns * kTileOutputs * shape.channels;
    for (std::size_t c = 0; c < shape.channels; c += kLanes) {
      tile(from + c, t, c);
    }
  }
}

void transform_gradient(const float* grad_y, const ImageShape& shape, std::size_t first_tile,
                        std::size_t num_tiles, float* q, std::size_t frequency_floats) {
  const std::size_t row_floats = shape.width * shape.channels;
  for_each_gradient_tile(grad_y, shape, first_tile, num_tiles,
                         [&](const float* from, std::size_t t, std::size_t c) HWY_ATTR {
                           transform_gradient_tile(from, row_floats, shape.channels,
                                                   q + t * shape.channels + c, frequency_floats);
                         });
}

void transform_gradient_pairs(const float* grad_y, const ImageShape& shape, std::size_t first_tile,
                              std::size_t num_tiles, std::uint32_t* q,
                              std::size_t frequency_words) {
  const std::size_t row_floats = shape.width * shape.channels;
  for_each_gradient_tile(
      grad_y, shape, first_tile, num_tiles,
      [&](const float* from, std::size_t t, std::size_t c) HWY_ATTR {
        std::uint32_t* const to = q + t / 2 * shape.channels + c;
        if (t % 2 == 0) {
          transform_gradient_tile(from, row_floats, shape.channels,
                                  reinterpret_cast<LowerOfPair*>(to), frequency_words);
        } else {
          transform_gradient_tile(from, row_floats, shape.channels,
                                  reinterpret_cast<UpperOfPair*>(to), frequency_words);
        }
      });
}

// g = G^T u, six values to three taps.
HWY_INLINE void transform_filter_bwd_row(const Vector u[6], Vector g[3]) {
  const Vector scale0 = constant(static_cast<float>(1 / kDenominator0));
  const Vector scale_p = constant(static_cast<float>(1 / kDenominatorP));
  const Vector scale_q = constant(static_cast<float>(1 / kDenominatorQ));
  const Vector sum_p = hn::Mul(scale_p, hn::Add(u[1], u[2]));
  const Vector sum_q = hn::Mul(scale_q, hn::Add(u[3], u[4]));
  const Vector difference_p = hn::Mul(scale_p, hn::Sub(u[1], u[2]));
  const Vector difference_q = hn::Mul(scale_q, hn::Sub(u[3], u[4]));
  g[0] = hn::MulAdd(scale0, u[0], hn::Add(sum_p, sum_q));
  g[1] = hn::MulAdd(constant(kP), difference_p, hn::Mul(constant(kQ), difference_q));
  g[2] = hn::MulAdd(constant(kP2), sum_p, hn::MulAdd(constant(kQ2), sum_q, u[5]));
}

void transform_filters_bwd(const float* HWY_RESTRICT grad_u, std::size_t frequency_floats,
                           std::size_t count, bool accumulate, float* HWY_RESTRICT grad_taps,
                           std::size_t tap_floats) {
  for (std::size_t c = 0; c < count; c += kLanes) {
    Vector columns[3][6];
    HWY_UNROLL(6)
    for (int j = 0; j < 6; ++j) {
      Vector u[6], g[3];
      for (int i = 0; i < 6; ++i) {
        u[i] = hn::Load(kTag, grad_u + (i * 6 + j) * frequency_floats + c);
      }
      transform_filter_bwd_row(u, g);
      for (int r = 0; r < 3; ++r) {
        columns[r][j] = g[r];
      }
    }
    HWY_UNROLL(3)
    for (int r = 0; r < 3; ++r) {
      Vector g[3];
      transform_filter_bwd_row(columns[r], g);
      for (int s = 0; s < 3; ++s) {
        float* const to = grad_taps + (r * 3 + s) * tap_floats + c;
        hn::Store(accumulate ? hn::Add(hn::Load(kTag, to), g[s]) : g[s], kTag, to);
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
HWY_EXPORT(transform_gradient);
HWY_EXPORT(transform_gradient_pairs);
HWY_EXPORT(transform_filters_bwd);
}  // namespace

void winograd_transform_gradient(const float* grad_y, const ImageShape& shape,
                                 std::size_t first_tile, std::size_t num_tiles, float* q,
                                 std::size_t frequency_floats) {
  HWY_DYNAMIC_DISPATCH(transform_gradient)
  (grad_y, shape, first_tile, num_tiles, q, frequency_floats);
}

void winograd_transform_gradient(const float* grad_y, const ImageShape& shape,
                                 std::size_t first_tile, std::size_t num_tiles, std::uint32_t* q,
                                 std::size_t frequency_words) {
  HWY_DYNAMIC_DISPATCH(transform_gradient_pairs)
  (grad_y, shape, first_tile, num_tiles, q, frequency_words);
}

void winograd_transform_filters_bwd(const float* grad_u, std::size_t frequency_floats,
                                    std::size_t count, bool accumulate, float* grad_taps,
                                    std::size_t tap_floats) {
  HWY_DYNAMIC_DISPATCH(transform_filters_bwd)
  (grad_u, frequency_floats, count, accumulate, grad_taps, tap_floats);
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE
