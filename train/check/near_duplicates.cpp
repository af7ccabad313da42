#include "train/check/near_duplicates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "engine/device/parallel_for.h"

namespace vggroove {
namespace {

// A copy rarely keeps all 32 bits of a code, but often 20 of them: three tables look at three
// different parts of the code.
constexpr int kNumTables = 3;
constexpr int kTableRotation = 11;
constexpr int kFewestKeyBits = 18, kMostKeyBits = 22;
// Neighbouring codes share most of their window, so each fourth of a clip asks the tables, which
// hold all: agreements by chance then do not come in rows.
constexpr std::size_t kQueryStep = 4;
// Agreements between two clips at one offset before it is looked at.
constexpr std::size_t kFewestVotes = 3;
// Votes of neighbouring offsets are counted together: a cut may fall between two codes.
constexpr std::ptrdiff_t kBucketCodes = 4;
constexpr std::size_t kMostOffsetsTried = 16;  // of one pair, those with the most votes
// An offset is tried on each eighth code first: 19 codes at least, whose rate is within 0.1 of the
// whole's, so that copies pass and most of the unrelated music does not.
constexpr std::ptrdiff_t kCoarseStep = 8;
constexpr double kMaxCoarseBitErrorRate = 0.40;
// A key that so many places share is no evidence (and 4000 copies of one clip are found anyhow).
constexpr std::size_t kMostPlaces = 4096;

std::uint32_t key_of(std::uint32_t code, int table, int key_bits) {
  return std::rotl(code, table * kTableRotation) >> (32 - key_bits);
}

// All codes of all clips one after the other, and where each key occurs.
class CodeIndex {
 public:
  explicit CodeIndex(std::span<const Fingerprint> fingerprints) {
    std::size_t total = 0;
    for (const Fingerprint& codes : fingerprints) {
      starts_.push_back(static_cast<std::uint32_t>(total));
      total += codes.size();
      if (total > std::numeric_limits<std::uint32_t>::max()) {
        throw Error(ErrorClass::kUsage,
                    "too much audio to compare at once (23 000 h); check it in parts");
      }
    }
    starts_.push_back(static_cast<std::uint32_t>(total));
    key_bits_ = std::clamp(static_cast<int>(std::bit_width(total)), kFewestKeyBits, kMostKeyBits);
    parallel_for(kNumTables, [&](std::size_t table) { fill(fingerprints, table); });
  }

  // Places of the codes that agree with `code` in the part that the table looks at, ascending.
  std::span<const std::uint32_t> places(std::uint32_t code, int table) const {
    const Table& of = tables_[static_cast<std::size_t>(table)];
    const std::uint32_t key = key_of(code, table, key_bits_);
    return std::span(of.places).subspan(of.begins[key], of.begins[key + 1] - of.begins[key]);
  }

  std::size_t clip_at(std::uint32_t place) const {
    return static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), place) -
                                    starts_.begin() - 1);
  }
  std::uint32_t start_of(std::size_t clip) const { return starts_[clip]; }

 private:
  struct Table {
    std::vector<std::uint32_t> begins;  // [2^key_bits + 1] into places
    std::vector<std::uint32_t> places;
  };

  void fill(std::span<const Fingerprint> fingerprints, std::size_t number) {
    Table& table = tables_[number];
    const int t = static_cast<int>(number);
    table.begins.assign((std::size_t{1} << key_bits_) + 1, 0);
    for (const Fingerprint& codes : fingerprints) {
      for (const std::uint32_t code : codes) {
        table.begins[key_of(code, t, key_bits_) + 1] += code != 0 ? 1 : 0;
      }
    }
    for (std::size_t key = 1; key < table.begins.size(); ++key) {
      table.begins[key] += table.begins[key - 1];
    }
    table.places.resize(table.begins.back());
    std::vector<std::uint32_t> next = table.begins;
    std::uint32_t place = 0;
    for (const Fingerprint& codes : fingerprints) {
      for (const std::uint32_t code : codes) {
        if (code != 0) {
          table.places[next[key_of(code, t, key_bits_)]++] = place;
        }
        ++place;
      }
    }
  }

  std::vector<std::uint32_t> starts_;  // [clips + 1]
  int key_bits_ = 0;
  std::array<Table, kNumTables> tables_;
};

// An agreement of one code: with which clip, and how far apart. Ordered by clip, then offset.
struct Vote {
  std::uint32_t clip;
  std::int32_t bucket;
  auto operator<=>(const Vote&) const = default;  // NOLINT(modernize-use-nullptr): no pointer here
};

struct Candidate {
  std::size_t num_votes;
  std::ptrdiff_t offset;
};

std::ptrdiff_t bucket_of(std::ptrdiff_t offset) {
  return offset >= 0 ? offset / kBucketCodes : -((kBucketCodes - 1 - offset) / kBucketCodes);
}

// Of all offsets in a bucket and its two neighbours' halves, the one with the fewest errors.
std::optional<NearDuplicate> compare_around(const Fingerprint& a, const Fingerprint& b,
                                            std::ptrdiff_t bucket) {
  std::optional<NearDuplicate> best;
  const std::ptrdiff_t begin = bucket * kBucketCodes - 2, end = (bucket + 1) * kBucketCodes + 2;
  for (std::ptrdiff_t offset = begin; offset < end; ++offset) {
    std::size_t num_compared = 0;
    if (bit_error_rate(a, b, offset, num_compared, kCoarseStep) > kMaxCoarseBitErrorRate) {
      continue;
    }
    const double rate = bit_error_rate(a, b, offset, num_compared);
    const double overlap_s = static_cast<double>(num_compared) / kFingerprintCodesPerSecond;
    if (overlap_s >= kShortestOverlapSeconds && rate <= kMaxBitErrorRate &&
        (!best || rate < best->bit_error_rate)) {
      best.emplace();
      best->offset_s = static_cast<double>(offset) / kFingerprintCodesPerSecond;
      best->overlap_s = overlap_s;
      best->bit_error_rate = rate;
    }
  }
  return best;
}

std::vector<Vote> votes_of(std::span<const Fingerprint> fingerprints, const CodeIndex& index,
                           std::size_t clip) {
  std::vector<Vote> votes;
  const Fingerprint& codes = fingerprints[clip];
  const std::uint32_t end_of_clip = index.start_of(clip + 1);
  for (std::size_t i = 0; i < codes.size(); i += kQueryStep) {
    if (codes[i] == 0) {
      continue;
    }
    for (int table = 0; table < kNumTables; ++table) {
      const std::span<const std::uint32_t> places = index.places(codes[i], table);
      if (places.size() > kMostPlaces) {
        continue;
      }
      // Later clips only: each pair is met once.
      for (auto at = std::lower_bound(places.begin(), places.end(), end_of_clip);
           at != places.end(); ++at) {
        const std::size_t other = index.clip_at(*at);
        const std::ptrdiff_t offset =
            std::ptrdiff_t{*at - index.start_of(other)} - static_cast<std::ptrdiff_t>(i);
        votes.push_back(
            {static_cast<std::uint32_t>(other), static_cast<std::int32_t>(bucket_of(offset))});
      }
    }
  }
  std::sort(votes.begin(), votes.end());
  return votes;
}

// The pairs of `clip` with later clips.
std::vector<NearDuplicate> pairs_of(std::span<const Fingerprint> fingerprints,
                                    const CodeIndex& index, std::size_t clip) {
  const std::vector<Vote> votes = votes_of(fingerprints, index, clip);
  std::vector<NearDuplicate> pairs;
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < votes.size();) {
    const std::uint32_t other = votes[i].clip;
    candidates.clear();
    while (i < votes.size() && votes[i].clip == other) {
      const std::size_t begin = i;
      while (i < votes.size() && votes[i] == votes[begin]) {
        ++i;
      }
      candidates.push_back({i - begin, votes[begin].bucket});
    }
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return a.num_votes != b.num_votes ? a.num_votes > b.num_votes : a.offset < b.offset;
    });
    std::optional<NearDuplicate> best;
    for (std::size_t c = 0; c < std::min(candidates.size(), kMostOffsetsTried); ++c) {
      if (candidates[c].num_votes < kFewestVotes) {
        break;
      }
      const auto found =
          compare_around(fingerprints[clip], fingerprints[other], candidates[c].offset);
      if (found && (!best || found->bit_error_rate < best->bit_error_rate)) {
        best = found;
      }
    }
    if (best) {
      best->first = clip;
      best->second = other;
      pairs.push_back(*best);
    }
  }
  return pairs;
}

}  // namespace

double bit_error_rate(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                      std::ptrdiff_t offset, std::size_t& num_compared, std::ptrdiff_t step) {
  const std::ptrdiff_t begin = std::max<std::ptrdiff_t>(0, -offset);
  const std::ptrdiff_t end = std::min(std::ssize(a), std::ssize(b) - offset);
  std::size_t num_errors = 0;
  num_compared = 0;
  for (std::ptrdiff_t i = begin; i < end; i += step) {
    const std::uint32_t x = a[static_cast<std::size_t>(i)];
    const std::uint32_t y = b[static_cast<std::size_t>(i + offset)];
    const bool counts = x != 0 && y != 0;
    num_compared += counts ? 1 : 0;
    num_errors += counts ? static_cast<std::size_t>(std::popcount(x ^ y)) : 0;
  }
  return num_compared == 0
             ? 0.5
             : static_cast<double>(num_errors) / (32.0 * static_cast<double>(num_compared));
}

std::vector<NearDuplicate> find_near_duplicates(
    std::span<const Fingerprint> fingerprints, int num_threads,
    const std::function<void(std::size_t clips_done)>& on_clip) {
  const CodeIndex index(fingerprints);
  std::vector<std::vector<NearDuplicate>> pairs(fingerprints.size());
  std::mutex mutex;
  std::size_t clips_done = 0;
  parallel_for(
      fingerprints.size(),
      [&](std::size_t clip) {
        pairs[clip] = pairs_of(fingerprints, index, clip);
        const std::lock_guard lock(mutex);
        ++clips_done;
        if (on_clip) {
          on_clip(clips_done);
        }
      },
      num_threads);
  std::vector<NearDuplicate> all;
  for (const std::vector<NearDuplicate>& of_clip : pairs) {
    all.insert(all.end(), of_clip.begin(), of_clip.end());
  }
  return all;
}

}  // namespace vggroove
