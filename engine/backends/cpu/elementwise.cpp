#include "engine/backends/cpu/elementwise.h"

#include <algorithm>

#include "engine/backends/cpu/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kTag;
using Vector = hn::Vec<decltype(kTag)>;
constexpr std::size_t kLanes = hn::MaxLanes(kTag);

// Calls body(tag, i) for whole vectors, then with the one-lane tag for the rest: the same
// operations in the same order, so that an element's bits do not depend on where a part begins.
template <class Body>
HWY_INLINE void for_each_vector(std::size_t count, const Body& body) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    body(kTag, i);
  }
  for (; i < count; ++i) {
    body(hn::CappedTag<float, 1>(), i);
  }
}

void adamw(float* HWY_RESTRICT parameters, float* HWY_RESTRICT first, float* HWY_RESTRICT second,
           const float* HWY_RESTRICT gradient, float factor, std::size_t count,
           const OptimiserStep& step, const AdamWRule& rule) {
  const double learning_rate = step.learning_rate * rule.learning_rate_scale;
  const auto keep = static_cast<float>(1 - learning_rate * rule.weight_decay);
  const auto blend1 = static_cast<float>(1 - rule.beta1);
  const auto blend2 = static_cast<float>(1 - rule.beta2);
  const auto rate = static_cast<float>(-learning_rate / step.bias_correction1);
  const auto scale = static_cast<float>(1 / step.bias_correction2);
  const auto epsilon = static_cast<float>(rule.epsilon);
  for_each_vector(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto g = hn::Mul(hn::LoadU(d, gradient + i), hn::Set(d, factor));
    auto m = hn::LoadU(d, first + i);
    auto v = hn::LoadU(d, second + i);
    m = hn::MulAdd(hn::Set(d, blend1), hn::Sub(g, m), m);
    v = hn::MulAdd(hn::Set(d, blend2), hn::MulSub(g, g, v), v);
    hn::StoreU(m, d, first + i);
    hn::StoreU(v, d, second + i);
    const auto root = hn::Add(hn::Sqrt(hn::Mul(v, hn::Set(d, scale))), hn::Set(d, epsilon));
    const auto p = hn::Mul(hn::LoadU(d, parameters + i), hn::Set(d, keep));
    hn::StoreU(hn::MulAdd(hn::Set(d, rate), hn::Div(m, root), p), d, parameters + i);
  });
}

void sgd(float* HWY_RESTRICT parameters, float* HWY_RESTRICT momentum,
         const float* HWY_RESTRICT gradient, float factor, std::size_t count,
         const OptimiserStep& step, const SgdRule& rule) {
  const auto decay = static_cast<float>(rule.weight_decay);
  const auto rate = static_cast<float>(-step.learning_rate * rule.learning_rate_scale);
  const auto keep = static_cast<float>(rule.momentum);
  for_each_vector(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto p = hn::LoadU(d, parameters + i);
    const auto g =
        hn::MulAdd(hn::Set(d, decay), p, hn::Mul(hn::LoadU(d, gradient + i), hn::Set(d, factor)));
    const auto b = hn::MulAdd(hn::Set(d, keep), hn::LoadU(d, momentum + i), g);
    hn::StoreU(b, d, momentum + i);
    hn::StoreU(hn::MulAdd(hn::Set(d, rate), b, p), d, parameters + i);
  });
}

double sum_of_squares(const float* HWY_RESTRICT values, std::size_t count) {
  constexpr std::size_t kBlock = std::size_t{1} << 12;
  double total = 0;
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t end = std::min(count, first + kBlock);
    Vector sums[4] = {hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag)};
    std::size_t i = first;
    for (; i + 4 * kLanes <= end; i += 4 * kLanes) {
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < 4; ++j) {
        const Vector v = hn::LoadU(kTag, values + i + j * kLanes);
        sums[j] = hn::MulAdd(v, v, sums[j]);
      }
    }
    total += static_cast<double>(hn::GetLane(
        hn::SumOfLanes(kTag, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3])))));
    for (; i < end; ++i) {
      total += static_cast<double>(values[i]) * values[i];
    }
  }
  return total;
}

// Channels in vectors where they come in whole ones, else one by one.
template <class D>
HWY_INLINE void maxpool_channels(D d, float* HWY_RESTRICT y, std::uint8_t* HWY_RESTRICT places,
                                 const float* const x[4], std::size_t c) {
  const hn::RebindToSigned<D> words;
  const hn::Rebind<std::uint8_t, D> bytes;
  auto largest = hn::Zero(d);
  auto place = hn::Set(words, 4);
  for (int i = 0; i < 4; ++i) {
    const auto value = hn::LoadU(d, x[i] + c);
    const auto larger = hn::Gt(value, largest);
    largest = hn::IfThenElse(larger, value, largest);
    place = hn::IfThenElse(hn::RebindMask(words, larger), hn::Set(words, i), place);
  }
  hn::StoreU(largest, d, y + c);
  hn::StoreU(hn::DemoteTo(bytes, place), bytes, places + c);
}

template <class D>
HWY_INLINE void maxpool_bwd_channels(D d, float* const grad_x[4], const float* HWY_RESTRICT grad_y,
                                     const std::uint8_t* HWY_RESTRICT places, std::size_t c) {
  const hn::RebindToSigned<D> words;
  const hn::Rebind<std::uint8_t, D> bytes;
  const auto grad = hn::LoadU(d, grad_y + c);
  const auto place = hn::PromoteTo(words, hn::LoadU(bytes, places + c));
  for (int i = 0; i < 4; ++i) {
    const auto here = hn::RebindMask(d, hn::Eq(place, hn::Set(words, i)));
    hn::StoreU(hn::IfThenElseZero(here, grad), d, grad_x[i] + c);
  }
}

void pool_row(float* y, std::uint8_t* places, const float* x, std::size_t row,
              const MaxPoolShape& shape) {
  const std::size_t columns = shape.width / 2, channels = shape.channels;
  const float* const top = x + 2 * row * shape.width * channels;
  for (std::size_t column = 0; column < columns; ++column) {
    const float* const first = top + 2 * column * channels;
    const float* const four[4] = {first, first + channels, first + shape.width * channels,
                                  first + (shape.width + 1) * channels};
    const std::size_t to = (row * columns + column) * channels;
    for_each_vector(channels, [&](auto d, std::size_t c)
                                  HWY_ATTR { maxpool_channels(d, y + to, places + to, four, c); });
  }
}

void pool_bwd_row(float* grad_x, const float* grad_y, const std::uint8_t* places, std::size_t row,
                  const MaxPoolShape& shape) {
  const std::size_t columns = shape.width / 2, channels = shape.channels;
  float* const top = grad_x + 2 * row * shape.width * channels;
  for (std::size_t column = 0; column < columns; ++column) {
    float* const first = top + 2 * column * channels;
    float* const four[4] = {first, first + channels, first + shape.width * channels,
                            first + (shape.width + 1) * channels};
    const std::size_t from = (row * columns + column) * channels;
    for_each_vector(channels, [&](auto d, std::size_t c) HWY_ATTR {
      maxpool_bwd_channels(d, four, grad_y + from, places + from, c);
    });
  }
}

void add_rows(float* HWY_RESTRICT sums, const float* HWY_RESTRICT values, std::size_t rows,
              std::size_t columns) {
  constexpr std::size_t kVectors = 4;  // of a row at a time: whole cache lines
  std::size_t c = 0;
  for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes) {
    Vector sum[kVectors];
    for (Vector& s : sum) {
      s = hn::Zero(kTag);
    }
    for (std::size_t row = 0; row < rows; ++row) {
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < kVectors; ++j) {
        sum[j] = hn::Add(sum[j], hn::LoadU(kTag, values + row * columns + c + j * kLanes));
      }
    }
    for (std::size_t j = 0; j < kVectors; ++j) {
      hn::StoreU(sum[j], kTag, sums + c + j * kLanes);
    }
  }
  for (; c < columns; ++c) {
    sums[c] = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      sums[c] += values[row * columns + c];
    }
  }
}

void mask(float* HWY_RESTRICT grad, const float* HWY_RESTRICT x, std::size_t count) {
  for_each_vector(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto open = hn::Gt(hn::LoadU(d, x + i), hn::Zero(d));
    hn::StoreU(hn::IfThenElseZero(open, hn::LoadU(d, grad + i)), d, grad + i);
  });
}

}  // namespace
}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::cpu {
namespace {
HWY_EXPORT(adamw);
HWY_EXPORT(sgd);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(pool_row);
HWY_EXPORT(pool_bwd_row);
HWY_EXPORT(add_rows);
HWY_EXPORT(mask);
}  // namespace

void adamw_part(float* parameters, float* first_moment, float* second_moment, const float* gradient,
                float factor, std::size_t count, const OptimiserStep& step, const AdamWRule& rule) {
  HWY_DYNAMIC_DISPATCH(adamw)
  (parameters, first_moment, second_moment, gradient, factor, count, step, rule);
}
void sgd_part(float* parameters, float* momentum, const float* gradient, float factor,
              std::size_t count, const OptimiserStep& step, const SgdRule& rule) {
  HWY_DYNAMIC_DISPATCH(sgd)(parameters, momentum, gradient, factor, count, step, rule);
}
double sum_of_squares_part(const float* values, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(sum_of_squares)(values, count);
}
void maxpool2x2_row(float* y, std::uint8_t* places, const float* x, std::size_t row,
                    const MaxPoolShape& shape) {
  HWY_DYNAMIC_DISPATCH(pool_row)(y, places, x, row, shape);
}
void maxpool2x2_bwd_row(float* grad_x, const float* grad_y, const std::uint8_t* places,
                        std::size_t row, const MaxPoolShape& shape) {
  HWY_DYNAMIC_DISPATCH(pool_bwd_row)(grad_x, grad_y, places, row, shape);
}
void sum_rows(float* sums, const float* values, std::size_t rows, std::size_t columns) {
  HWY_DYNAMIC_DISPATCH(add_rows)(sums, values, rows, columns);
}
void mask_part(float* grad, const float* x, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(mask)(grad, x, count);
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE
