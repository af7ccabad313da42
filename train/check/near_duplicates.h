#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "train/check/fingerprint.h"

namespace vggroove {

// Two clips that hold the same recording for as long as they overlap.
struct NearDuplicate {
  std::size_t first = 0, second = 0;  // first < second
  double offset_s = 0;        // where the first one's beginning lies in the second; may be negative
  double overlap_s = 0;       // that says something: without silence
  double bit_error_rate = 0;  // of the codes there, 0 to kMaxBitErrorRate
  // Where check_dataset() confirmed the pair: aligned_logmels.h.
  double logmel_distance = std::numeric_limits<double>::quiet_NaN();
};

// Unrelated music differs in 0.40 of the bits at its best offset, or more; docs/decisions/0008 has
// both distributions measured.
inline constexpr double kMaxBitErrorRate = 0.30;
// Less music than this in common is not found: it has too few independent bits to be sure.
inline constexpr double kShortestOverlapSeconds = 3;

// All pairs of clips with the same recording in them: other codec, level, rate or channels, cut at
// other places. Not: other speed or pitch, or a mix with something else.
// Memory: 16 bytes per code, so 3 MB per hour of audio, and up to 100 MB. Time: see
// docs/decisions/0008. The same pairs for any number of threads.
// `on_clip` is called from one thread at a time. Throws Error(kUsage) beyond 4e9 codes (23 000 h).
std::vector<NearDuplicate> find_near_duplicates(
    std::span<const Fingerprint> fingerprints, int num_threads = 0,
    const std::function<void(std::size_t clips_done)>& on_clip = {});

// Share of the bits that differ where code i of `a` stands beside code i + offset of `b`, over
// those codes, or each step-th of them, that say something in both; their number in `num_compared`.
// 0.5 where there are none.
double bit_error_rate(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                      std::ptrdiff_t offset, std::size_t& num_compared, std::ptrdiff_t step = 1);

}  // namespace vggroove
