#include "train/check/dataset_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <utility>

#include "engine/device/parallel_for.h"
#include "train/check/aligned_logmels.h"

namespace vggroove {
namespace {

constexpr std::string_view kNames[] = {
    "unreadable", "truncated",    "too-short",      "silent",         "clipped",   "equal-channels",
    "same-file",  "same-samples", "near-duplicate", "label-conflict", "split-leak"};
static_assert(std::size(kNames) == std::size(kProblems));

// Sets that grow together (union-find); the smallest member stands for its set.
class Joined {
 public:
  explicit Joined(std::size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t find(std::size_t i) {
    while (parent_[i] != i) {
      i = parent_[i] = parent_[parent_[i]];
    }
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = find(a);
    b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }
  // Those of two and more members, ascending.
  std::vector<std::vector<std::size_t>> sets() {
    std::map<std::size_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < parent_.size(); ++i) {
      members[find(i)].push_back(i);
    }
    std::vector<std::vector<std::size_t>> all;
    for (auto& [first, set] : members) {
      if (set.size() > 1) {
        all.push_back(std::move(set));
      }
    }
    return all;
  }

 private:
  std::vector<std::size_t> parent_;
};

class Check {
 public:
  Check(std::span<const LabelledFile> files, const CheckOptions& options)
      : files_(files), options_(options), duplicates_(files.size()) {
    report_.facts.resize(files.size());
  }

  CheckReport run(const CheckProgress& progress) {
    read_facts(progress);
    for (std::size_t file = 0; file < files_.size(); ++file) {
      judge(file);
    }
    if (looks_for(Problem::kSameFile) || looks_for(Problem::kSameSamples) ||
        looks_for(Problem::kNearDuplicate)) {
      find_duplicates(progress);
    }
    find_disagreements();
    name_groups();
    std::stable_sort(report_.findings.begin(), report_.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.problem < b.problem; });
    return std::move(report_);
  }

 private:
  bool looks_for(Problem problem) const {
    return std::find(options_.ignored.begin(), options_.ignored.end(), problem) ==
           options_.ignored.end();
  }
  void add(Problem problem, std::vector<std::size_t> files, std::string details) {
    if (looks_for(problem)) {
      report_.findings.push_back({.problem = problem,
                                  .files = std::move(files),
                                  .details = std::move(details),
                                  .match = std::nullopt});
    }
  }

  void read_facts(const CheckProgress& progress) {
    std::mutex mutex;
    std::size_t files_done = 0;
    double audio_seconds = 0;
    parallel_for(
        files_.size(),
        [&](std::size_t file) {
          report_.facts[file] = read_clip_facts(files_[file].path);
          const std::lock_guard lock(mutex);
          audio_seconds += report_.facts[file].duration_s;
          ++files_done;
          if (progress.on_file) {
            progress.on_file(files_done, audio_seconds);
          }
        },
        options_.num_threads);
  }

  void judge(std::size_t file) {
    const ClipFacts& facts = report_.facts[file];
    if (facts.error) {
      add(Problem::kUnreadable, {file}, facts.error->what());
      return;
    }
    if (!facts.missing_end.empty()) {
      add(Problem::kTruncated, {file}, facts.missing_end);
    }
    if (facts.duration_s < options_.shortest_s) {
      add(Problem::kTooShort, {file}, fmt::format("{:.3f} s", facts.duration_s));
    }
    if (facts.signal.silent_share >= options_.silent_share) {
      add(Problem::kSilent, {file},
          fmt::format("{:.0f} % of its time is silent", 100 * facts.signal.silent_share));
    }
    if (facts.signal.clipped_share >= options_.clipped_share) {
      add(Problem::kClipped, {file},
          fmt::format("{:.1f} % of its samples are clipped", 100 * facts.signal.clipped_share));
    }
    if (facts.signal.channels_equal) {
      add(Problem::kEqualChannels, {file},
          fmt::format("its {} channels are the same", facts.info.num_channels));
    }
  }

  // Files whose facts agree in `key` ("": in nothing), as a finding for each set.
  template <class Key>
  void join_equal(Problem problem, const Key& key, const std::string& details) {
    std::map<std::string, std::vector<std::size_t>> by_key;
    for (std::size_t file = 0; file < files_.size(); ++file) {
      if (const std::string value = key(file); !value.empty()) {
        by_key[value].push_back(file);
      }
    }
    std::vector<std::vector<std::size_t>> sets;
    for (const auto& [value, members] : by_key) {
      if (members.size() > 1) {
        sets.push_back(members);
      }
    }
    std::sort(sets.begin(), sets.end());
    for (std::vector<std::size_t>& set : sets) {
      for (const std::size_t file : set) {
        duplicates_.join(set.front(), file);
      }
      add(problem, std::move(set), details);
    }
  }

  void find_duplicates(const CheckProgress& progress) {
    if (looks_for(Problem::kSameFile)) {
      join_equal(
          Problem::kSameFile, [&](std::size_t file) { return report_.facts[file].file_sha256; },
          "the same bytes");
    }
    if (looks_for(Problem::kSameSamples)) {
      join_equal(
          Problem::kSameSamples,
          [&](std::size_t file) {
            const ClipFacts& facts = report_.facts[file];
            // One of those with the same bytes is enough; silence is like silence.
            const bool counts = !facts.error && facts.signal.silent_share < 1 &&
                                (!looks_for(Problem::kSameFile) || is_first_of_its_bytes(file));
            return counts ? facts.signal.sha256 : std::string();
          },
          "other bytes, the same samples");
    }
    if (looks_for(Problem::kNearDuplicate)) {
      find_near_copies(progress);
    }
  }

  bool is_first_of_its_bytes(std::size_t file) { return duplicates_.find(file) == file; }

  void find_near_copies(const CheckProgress& progress) {
    std::vector<std::size_t> clips;  // one of each set of exact duplicates
    std::vector<Fingerprint> fingerprints;
    for (std::size_t file = 0; file < files_.size(); ++file) {
      if (duplicates_.find(file) == file) {
        clips.push_back(file);
        fingerprints.push_back(std::move(report_.facts[file].fingerprint));
      }
    }
    std::vector<NearDuplicate> pairs =
        find_near_duplicates(fingerprints, options_.num_threads, progress.on_match);
    for (NearDuplicate& pair : pairs) {
      pair.first = clips[pair.first];
      pair.second = clips[pair.second];
    }
    measure(pairs, progress);
    for (const NearDuplicate& pair : pairs) {
      if (pair.logmel_distance <= kMaxLogMelDistance) {
        duplicates_.join(pair.first, pair.second);
        add(Problem::kNearDuplicate, {pair.first, pair.second},
            fmt::format(
                "{:.1f} s in common, {:+.2f} s apart, {:.1f} % of the bits differ, log-mels "
                "{:.3f} apart",
                pair.overlap_s, pair.offset_s, 100 * pair.bit_error_rate, pair.logmel_distance));
        report_.findings.back().match = pair;
      }
    }
  }

  // The log-mel distance of each pair. A file that can no longer be read confirms nothing.
  void measure(std::vector<NearDuplicate>& pairs, const CheckProgress& progress) {
    std::mutex mutex;
    std::size_t pairs_done = 0;
    parallel_for(
        pairs.size(),
        [&](std::size_t i) {
          NearDuplicate& pair = pairs[i];
          try {
            pair.logmel_distance =
                logmel_distance_of(pair, files_[pair.first].path, files_[pair.second].path);
          } catch (const Error&) {
            pair.logmel_distance = 1;
          }
          const std::lock_guard lock(mutex);
          ++pairs_done;
          if (progress.on_confirm) {
            progress.on_confirm(pairs_done, pairs.size());
          }
        },
        options_.num_threads);
  }

  void find_disagreements() {
    for (const std::vector<std::size_t>& set : duplicates_.sets()) {
      std::set<std::string> labels, splits;
      for (const std::size_t file : set) {
        labels.insert(files_[file].label);
        splits.insert(files_[file].split);
      }
      if (labels.size() > 1) {
        add(Problem::kLabelConflict, set, fmt::format("{} labels", labels.size()));
      }
      if (splits.size() > 1) {
        add(Problem::kSplitLeak, set, fmt::format("{} splits", splits.size()));
      }
    }
  }

  // Duplicates, and whoever shares a group with one of them, become one group.
  void name_groups() {
    std::map<std::string, std::size_t> first_of_group;
    for (std::size_t file = 0; file < files_.size(); ++file) {
      if (!files_[file].group.empty()) {
        const auto [first, is_first] = first_of_group.try_emplace(files_[file].group, file);
        duplicates_.join(first->second, file);
      }
    }
    report_.groups.resize(files_.size());
    for (std::size_t file = 0; file < files_.size(); ++file) {
      report_.groups[file] = files_[file].group;
    }
    std::size_t number = 0;
    for (const std::vector<std::size_t>& set : duplicates_.sets()) {
      const auto named = std::find_if(
          set.begin(), set.end(), [&](std::size_t file) { return !files_[file].group.empty(); });
      std::string name = named != set.end() ? files_[*named].group : "";
      while (name.empty() || (named == set.end() && first_of_group.contains(name))) {
        name = fmt::format("duplicate {}", ++number);
      }
      for (const std::size_t file : set) {
        report_.groups[file] = name;
      }
    }
  }

  std::span<const LabelledFile> files_;
  const CheckOptions& options_;
  Joined duplicates_;
  CheckReport report_;
};

}  // namespace

std::string_view problem_name(Problem problem) {
  return kNames[static_cast<std::size_t>(problem)];
}

std::optional<Problem> problem_called(std::string_view name) {
  for (const Problem problem : kProblems) {
    if (problem_name(problem) == name) {
      return problem;
    }
  }
  return std::nullopt;
}

CheckReport check_dataset(std::span<const LabelledFile> files, const CheckOptions& options,
                          const CheckProgress& progress) {
  return Check(files, options).run(progress);
}

}  // namespace vggroove
