#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/check/clip_facts.h"
#include "train/check/near_duplicates.h"
#include "train/manifest.h"

namespace vggroove {

// What spoils a data set, in the order of reports.
enum class Problem {
  kUnreadable,     // no audio, or corrupt: the file has no facts
  kTruncated,      // it ends before its own structure says
  kTooShort,       // shorter than CheckOptions::shortest_s
  kSilent,         // half of its time or more is silence
  kClipped,        // CheckOptions::clipped_share of its samples or more are in runs at full scale
  kEqualChannels,  // mono stored as stereo
  kSameFile,       // the bytes of another file
  kSameSamples,    // other bytes, the same samples (another container, other tags)
  kNearDuplicate,  // the same recording: other codec, level or rate, cut elsewhere
  kLabelConflict,  // duplicates with different labels
  kSplitLeak,      // duplicates in different splits of the manifest
};

inline constexpr Problem kProblems[] = {
    Problem::kUnreadable,    Problem::kTruncated,     Problem::kTooShort, Problem::kSilent,
    Problem::kClipped,       Problem::kEqualChannels, Problem::kSameFile, Problem::kSameSamples,
    Problem::kNearDuplicate, Problem::kLabelConflict, Problem::kSplitLeak};

std::string_view problem_name(Problem problem);  // "unreadable", "same-file", ...
std::optional<Problem> problem_called(std::string_view name);

struct CheckOptions {
  double shortest_s = 0.975;     // one example of the network
  double clipped_share = 0.001;  // a thousandth: 1 ms of each second
  double silent_share = 0.5;
  std::vector<Problem> ignored;  // not looked for
  int num_threads = 0;           // 0: one per core
};

struct Finding {
  Problem problem;
  std::vector<std::size_t> files;      // one, or those that stand in this relation
  std::string details;                 // "3.1 % of its samples are clipped"
  std::optional<NearDuplicate> match;  // of a near duplicate; its clips are the indices of files
};

struct CheckReport {
  std::vector<ClipFacts> facts;     // [files]
  std::vector<Finding> findings;    // by problem, then by file
  std::vector<std::string> groups;  // [files] joins duplicates and the groups of the manifest
};

// One pass over each file on all cores, then the search for duplicates, and a second pass over the
// files that fingerprints take for near duplicates: their log-mels must agree, too. A file that
// cannot be read is a finding. on_file, on_match and on_confirm are called from one thread at a
// time; what they throw ends the check. The same report for any number of threads.
struct CheckProgress {
  std::function<void(std::size_t files_done, double audio_seconds)> on_file;
  std::function<void(std::size_t clips_done)> on_match;
  std::function<void(std::size_t pairs_done, std::size_t pairs)> on_confirm;
};
CheckReport check_dataset(std::span<const LabelledFile> files, const CheckOptions& options,
                          const CheckProgress& progress = {});

}  // namespace vggroove
