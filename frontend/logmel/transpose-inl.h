// Between memory order (a frame's values side by side) and lane order (a value's frames side by
// side). Included once per SIMD target, see fft-inl.h.
#if defined(VGGROOVE_LOGMEL_TRANSPOSE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VGGROOVE_LOGMEL_TRANSPOSE_INL_H
#undef VGGROOVE_LOGMEL_TRANSPOSE_INL_H
#else
#define VGGROOVE_LOGMEL_TRANSPOSE_INL_H
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace vggroove::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

template <class D>
HWY_INLINE void transpose_to_lanes(D, const float* frames, std::ptrdiff_t, int num_values,
                                   float* lanes, std::ptrdiff_t stride) {
  for (int i = 0; i < num_values; ++i) {
    lanes[i * stride] = frames[i];
  }
}

template <class D>
HWY_INLINE void transpose_to_frames(D, const float* lanes, int num_values, float* frames,
                                    std::ptrdiff_t) {
  for (int i = 0; i < num_values; ++i) {
    frames[i] = lanes[i];
  }
}

#else

// Transposes 4x4 values within each 128-bit block of the four vectors.
template <class D>
HWY_INLINE void transpose_blocks(D d, hn::Vec<D>& v0, hn::Vec<D>& v1, hn::Vec<D>& v2,
                                 hn::Vec<D>& v3) {
  const hn::Repartition<std::uint64_t, D> pairs;
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v0, v1));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v0, v1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v2, v3));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v2, v3));
  v0 = hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23));
  v1 = hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23));
  v2 = hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23));
  v3 = hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23));
}

// 128-bit block i of the vector is at from + i * stride.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const float* from, std::ptrdiff_t stride) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return hn::LoadU(d, from);
  } else {
    const hn::Half<D> half;
    const std::ptrdiff_t upper = static_cast<std::ptrdiff_t>(hn::MaxLanes(half) / 4) * stride;
    return hn::Combine(d, load_blocks(half, from + upper, stride), load_blocks(half, from, stride));
  }
}

template <class D>
HWY_INLINE void store_blocks(D d, hn::Vec<D> v, float* to, std::ptrdiff_t stride) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    hn::StoreU(v, d, to);
  } else {
    const hn::Half<D> half;
    const std::ptrdiff_t upper = static_cast<std::ptrdiff_t>(hn::MaxLanes(half) / 4) * stride;
    store_blocks(half, hn::LowerHalf(half, v), to, stride);
    store_blocks(half, hn::UpperHalf(half, v), to + upper, stride);
  }
}

// Value i of frame f, from frames[f * frame_stride + i] to lanes[i * stride + f], for as many
// frames as there are lanes. num_values is a multiple of 4.
template <class D>
HWY_INLINE void transpose_to_lanes(D d, const float* frames, std::ptrdiff_t frame_stride,
                                   int num_values, float* lanes, std::ptrdiff_t stride) {
  for (int i = 0; i < num_values; i += 4) {
    const float* from = frames + i;
    auto v0 = load_blocks(d, from, 4 * frame_stride);
    auto v1 = load_blocks(d, from + frame_stride, 4 * frame_stride);
    auto v2 = load_blocks(d, from + 2 * frame_stride, 4 * frame_stride);
    auto v3 = load_blocks(d, from + 3 * frame_stride, 4 * frame_stride);
    transpose_blocks(d, v0, v1, v2, v3);
    float* to = lanes + i * stride;
    hn::StoreU(v0, d, to);
    hn::StoreU(v1, d, to + stride);
    hn::StoreU(v2, d, to + 2 * stride);
    hn::StoreU(v3, d, to + 3 * stride);
  }
}

// The way back, from lanes[i * Lanes(d) + f] to frames[f * frame_stride + i].
template <class D>
HWY_INLINE void transpose_to_frames(D d, const float* lanes, int num_values, float* frames,
                                    std::ptrdiff_t frame_stride) {
  constexpr std::ptrdiff_t kStride = hn::MaxLanes(D());
  for (int i = 0; i < num_values; i += 4) {
    const float* from = lanes + i * kStride;
    auto v0 = hn::Load(d, from);
    auto v1 = hn::Load(d, from + kStride);
    auto v2 = hn::Load(d, from + 2 * kStride);
    auto v3 = hn::Load(d, from + 3 * kStride);
    transpose_blocks(d, v0, v1, v2, v3);
    float* to = frames + i;
    store_blocks(d, v0, to, 4 * frame_stride);
    store_blocks(d, v1, to + frame_stride, 4 * frame_stride);
    store_blocks(d, v2, to + 2 * frame_stride, 4 * frame_stride);
    store_blocks(d, v3, to + 3 * frame_stride, 4 * frame_stride);
  }
}

#endif

}  // namespace vggroove::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
