#include "train/folds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "train/random.h"

namespace vggroove {
namespace {

// Clips that stay together, and how many of each class they are.
struct Group {
  std::vector<std::size_t> clips;
  std::map<int, double> class_counts;
};

std::vector<Group> group_clips(std::span<const int> labels, std::span<const std::string> names) {
  std::vector<Group> groups;
  std::unordered_map<std::string, std::size_t> group_of_name;
  for (std::size_t clip = 0; clip < labels.size(); ++clip) {
    std::size_t group = groups.size();
    if (!names.empty() && !names[clip].empty()) {
      group = group_of_name.try_emplace(names[clip], group).first->second;
    }
    if (group == groups.size()) {
      groups.emplace_back();
    }
    groups[group].clips.push_back(clip);
    groups[group].class_counts[labels[clip]] += 1;
  }
  return groups;
}

// The counts of the folds so far and what it costs to add to them. The cost of an assignment is
//   sum over classes, folds (count / class size)^2 + w sum over folds (fold size / data size)^2,
// least where all folds have equal shares of every class. Every class weighs the same, as in
// scikit-learn's StratifiedGroupKFold.
class FoldCounts {
 public:
  FoldCounts(std::span<const int> labels, int num_folds)
      : num_clips_(static_cast<double>(labels.size())),
        class_sizes_(1 + static_cast<std::size_t>(*std::max_element(labels.begin(), labels.end()))),
        counts_(static_cast<std::size_t>(num_folds), std::vector<double>(class_sizes_.size())),
        sizes_(static_cast<std::size_t>(num_folds)) {
    for (const int label : labels) {
      class_sizes_[static_cast<std::size_t>(label)] += 1;
    }
  }

  // By how much the cost grows when `group` joins `fold`.
  double cost_of_adding(const Group& group, std::size_t fold) const {
    double cost = 0;
    for (const auto& [label, count] : group.class_counts) {
      const auto c = static_cast<std::size_t>(label);
      cost += (2 * counts_[fold][c] + count) * count / (class_sizes_[c] * class_sizes_[c]);
    }
    const auto size = static_cast<double>(group.clips.size());
    return cost + kSizeWeight * (2 * sizes_[fold] + size) * size / (num_clips_ * num_clips_);
  }

  void add(const Group& group, std::size_t fold, double sign) {
    for (const auto& [label, count] : group.class_counts) {
      counts_[fold][static_cast<std::size_t>(label)] += sign * count;
    }
    sizes_[fold] += sign * static_cast<double>(group.clips.size());
  }

  std::size_t cheapest_fold(const Group& group) const {
    std::size_t cheapest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t fold = 0; fold < counts_.size(); ++fold) {
      const double cost = cost_of_adding(group, fold);
      if (cost < least - kCostRounding) {
        least = cost;
        cheapest = fold;
      }
    }
    return cheapest;
  }

  double cost() const {
    double cost = 0;
    for (std::size_t fold = 0; fold < counts_.size(); ++fold) {
      for (std::size_t c = 0; c < class_sizes_.size(); ++c) {
        const double share = class_sizes_[c] > 0 ? counts_[fold][c] / class_sizes_[c] : 0;
        cost += share * share;
      }
      cost += kSizeWeight * sizes_[fold] * sizes_[fold] / (num_clips_ * num_clips_);
    }
    return cost;
  }

  // Whether all clips of the class are in one fold.
  bool in_one_fold(int label) const {
    const auto c = static_cast<std::size_t>(label);
    return std::any_of(counts_.begin(), counts_.end(),
                       [&](const auto& counts) { return counts[c] == class_sizes_[c]; });
  }

  // Costs that differ by less are equal: how a compiler rounds must not decide a tie.
  static constexpr double kCostRounding = 1e-12;

 private:
  // Below 1, so that evening out fold sizes never outweighs a clip of a class.
  static constexpr double kSizeWeight = 0.1;

  double num_clips_;
  std::vector<double> class_sizes_;
  std::vector<std::vector<double>> counts_;  // [folds][classes]
  std::vector<double> sizes_;                // [folds]
};

struct Assignment {
  std::vector<Group> groups;
  std::vector<std::size_t> fold_of_group;
  FoldCounts folds;
};

// Fills the folds with the largest groups first, each into the fold where it costs least, then
// moves single groups as long as that lowers the cost. Groups of one size go class by class: that
// deals single clips out in rounds, so that classes and fold sizes come out even within one.
Assignment assign(std::vector<Group> groups, FoldCounts folds, Random random) {
  random.shuffle(std::span(groups));
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return std::pair(b.clips.size(), a.class_counts.begin()->first) <
           std::pair(a.clips.size(), b.class_counts.begin()->first);
  });
  std::vector<std::size_t> fold_of_group(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    fold_of_group[g] = folds.cheapest_fold(groups[g]);
    folds.add(groups[g], fold_of_group[g], +1);
  }

  constexpr int kMaxPasses = 20;  // each pass only improves; a handful reach the end
  bool moved = true;
  for (int pass = 0; pass < kMaxPasses && moved; ++pass) {
    moved = false;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      folds.add(groups[g], fold_of_group[g], -1);
      const std::size_t better = folds.cheapest_fold(groups[g]);
      if (folds.cost_of_adding(groups[g], better) <
          folds.cost_of_adding(groups[g], fold_of_group[g]) - FoldCounts::kCostRounding) {
        fold_of_group[g] = better;
        moved = true;
      }
      folds.add(groups[g], fold_of_group[g], +1);
    }
  }
  return {std::move(groups), std::move(fold_of_group), std::move(folds)};
}

// The cheapest of several starts. Where all clips stand alone every start ends equally balanced.
Assignment best_assignment(std::span<const int> labels, const std::vector<Group>& groups,
                           int num_folds, std::uint64_t seed) {
  // Spread of the class shares on the 40 random data sets of the test, in all, where that of
  // scikit-learn's StratifiedGroupKFold is 1: 0.991 with one start (and worse on some of the data
  // sets), 0.976 with 5 (worse on none, as with more), 0.974 with 20, 0.972 with 100.
  constexpr std::uint64_t kStarts = 10;
  const std::uint64_t num_starts = groups.size() == labels.size() ? 1 : kStarts;
  const FoldCounts empty(labels, num_folds);
  Assignment best = assign(groups, empty, Random(seed, 0));
  for (std::uint64_t start = 1; start < num_starts; ++start) {
    Assignment another = assign(groups, empty, Random(seed, start));
    if (another.folds.cost() < best.folds.cost() - FoldCounts::kCostRounding) {
      best = std::move(another);
    }
  }
  return best;
}

void check(std::span<const int> labels, std::span<const std::string> groups) {
  if (labels.empty()) {
    throw Error(ErrorClass::kEmpty, "folds: there are no clips to divide");
  }
  if (!groups.empty() && groups.size() != labels.size()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("folds: {} groups for {} clips", groups.size(), labels.size()));
  }
  if (*std::min_element(labels.begin(), labels.end()) < 0) {
    throw Error(ErrorClass::kUsage, "folds: a class index is negative");
  }
}

}  // namespace

std::vector<int> stratified_folds(std::span<const int> labels, std::span<const std::string> groups,
                                  int num_folds, std::uint64_t seed,
                                  std::span<const std::string> class_names) {
  check(labels, groups);
  if (num_folds < 2) {
    throw Error(ErrorClass::kUsage, fmt::format("{} folds; at least 2 are needed", num_folds));
  }
  std::map<int, int> class_sizes;
  for (const int label : labels) {
    ++class_sizes[label];
  }
  const auto name_of = [&](int label) {
    const auto c = static_cast<std::size_t>(label);
    return c < class_names.size() ? fmt::format("'{}'", class_names[c]) : fmt::format("{}", label);
  };
  for (const auto& [label, size] : class_sizes) {
    if (size < num_folds) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("class {} has {} clips, fewer than the {} folds; take fewer folds or "
                              "add clips",
                              name_of(label), size, num_folds));
    }
  }
  const std::vector<Group> members = group_clips(labels, groups);
  if (members.size() < static_cast<std::size_t>(num_folds)) {
    throw Error(ErrorClass::kUsage,
                fmt::format("the data have {} groups, fewer than the {} folds; take fewer folds or "
                            "divide without groups",
                            members.size(), num_folds));
  }
  const Assignment best = best_assignment(labels, members, num_folds, seed);
  for (const auto& [label, size] : class_sizes) {
    if (best.folds.in_one_fold(label)) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("the groups put all clips of class {} into one fold, where it could "
                              "not be both learned and tested; give it clips of more groups, or "
                              "leave it out",
                              name_of(label)));
    }
  }
  std::vector<int> fold_of_clip(labels.size());
  for (std::size_t g = 0; g < best.groups.size(); ++g) {
    for (const std::size_t clip : best.groups[g].clips) {
      fold_of_clip[clip] = static_cast<int>(best.fold_of_group[g]);
    }
  }
  return fold_of_clip;
}

std::vector<std::size_t> stratified_holdout(std::span<const int> labels,
                                            std::span<const std::string> groups, double fraction,
                                            std::uint64_t seed) {
  check(labels, groups);
  if (!(fraction > 0 && fraction <= 0.5)) {
    throw Error(ErrorClass::kUsage,
                fmt::format("a validation fraction of {}; it must lie in (0, 0.5]", fraction));
  }
  const double num_parts = std::min(std::round(1 / fraction), static_cast<double>(labels.size()));
  const int num_folds = std::max(2, static_cast<int>(num_parts));
  const auto held_out_fold = static_cast<std::size_t>(num_folds - 1);
  const Assignment best = best_assignment(labels, group_clips(labels, groups), num_folds, seed);

  std::vector<std::size_t> held_out;
  for (std::size_t g = 0; g < best.groups.size(); ++g) {
    const auto& class_counts = best.groups[g].class_counts;
    const bool takes_all_of_a_class =
        std::any_of(class_counts.begin(), class_counts.end(),
                    [&](const auto& entry) { return best.folds.in_one_fold(entry.first); });
    if (best.fold_of_group[g] == held_out_fold && !takes_all_of_a_class) {
      held_out.insert(held_out.end(), best.groups[g].clips.begin(), best.groups[g].clips.end());
    }
  }
  std::sort(held_out.begin(), held_out.end());
  return held_out;
}

}  // namespace vggroove
