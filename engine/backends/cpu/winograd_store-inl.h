// How the Winograd transforms store a vector of values: as floats, as bf16, or as halves of pairs
// of bf16. Included once per SIMD target, so without an ordinary include guard (Highway's
// foreach_target).
#if defined(VGGROOVE_WINOGRAD_STORE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VGGROOVE_WINOGRAD_STORE_INL_H
#undef VGGROOVE_WINOGRAD_STORE_INL_H
#else
#define VGGROOVE_WINOGRAD_STORE_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace vggroove::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A word of two bf16 that come one after the other: the lower half is stored first and clears the
// upper one.
struct LowerOfPair {
  std::uint32_t word;
};
struct UpperOfPair {
  std::uint32_t word;
};

// bf16 in the upper halves, to nearest (ties away from zero: two instructions fewer than ties to
// even); what is left in the lower halves is of no use.
template <class D>
HWY_INLINE auto rounded_to_upper_half(D, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> word_tag;
  return hn::Add(hn::BitCast(word_tag, v), hn::Set(word_tag, 0x8000u));
}

template <class D>
HWY_INLINE void store_values(D d, hn::Vec<D> v, float* to) {
  hn::Store(v, d, to);
}
template <class D>
HWY_INLINE void store_values(D d, hn::Vec<D> v, std::uint16_t* to) {
  const hn::RebindToSigned<D> word_tag;
  const hn::Rebind<std::uint16_t, D> half_tag;
  const auto upper = hn::BitCast(word_tag, hn::ShiftRight<16>(rounded_to_upper_half(d, v)));
  hn::Store(hn::DemoteTo(half_tag, upper), half_tag, to);
}
template <class D>
HWY_INLINE void store_values(D d, hn::Vec<D> v, LowerOfPair* to) {
  const hn::RebindToUnsigned<D> word_tag;
  hn::Store(hn::ShiftRight<16>(rounded_to_upper_half(d, v)), word_tag, &to->word);
}
template <class D>
HWY_INLINE void store_values(D d, hn::Vec<D> v, UpperOfPair* to) {
  const hn::RebindToUnsigned<D> word_tag;
  const auto upper = hn::And(rounded_to_upper_half(d, v), hn::Set(word_tag, 0xffff0000u));
  hn::Store(hn::Or(upper, hn::Load(word_tag, &to->word)), word_tag, &to->word);
}

}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
