#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "train/check/near_duplicates.h"

namespace vggroove {

// What confirms a pair that fingerprints propose: the log-mels of both, put together where the pair
// says, rise and fall together. Fingerprints are signs, and signs of two recordings of one groove
// agree often; this compares how much.

// 1 - r, where r is the correlation of the log-mels of both, over all frames that stand together
// and the bands from 0.4 to 2.9 kHz (which telephones pass), each band about its own mean. Levels
// drop out, and so does any filter. 0: the same; about 1: unrelated. The best of the shifts by up
// to 60 ms, for fingerprints know their offset to 20 ms and codecs delay.
//   a, b  [frames, 64] row-major log-mels that begin at the same place of the recording
// 1 where fewer than 100 frames stand together or one of them does not change.
double aligned_logmel_distance(std::span<const float> a, std::span<const float> b);

// Recordings are the same up to here; docs/decisions/0008 has both distributions measured.
inline constexpr double kMaxLogMelDistance = 0.5;

// The distance of the pair's two files, over the first minute that they have in common. Throws the
// reader's Error.
double logmel_distance_of(const NearDuplicate& pair, const std::filesystem::path& first,
                          const std::filesystem::path& second);

}  // namespace vggroove
