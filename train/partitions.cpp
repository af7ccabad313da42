#include "train/partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <map>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "train/folds.h"
#include "train/random.h"

namespace vggroove {
namespace fs = std::filesystem;

namespace {

// Of the divisions after the first one, which is that of the seed itself.
std::uint64_t division_seed(std::uint64_t seed, int repetition) {
  constexpr std::uint64_t kStream = std::uint64_t{1} << 32;  // folds use the small numbers
  return repetition == 0 ? seed
                         : Random(seed, kStream + static_cast<std::uint64_t>(repetition)).next();
}

// The last `count` parts of a path, joined by '/'.
std::string last_parts(const fs::path& path, std::size_t count) {
  std::vector<std::string> parts;
  for (const fs::path& part : path.lexically_normal()) {
    parts.push_back(part.string());
  }
  std::string text;
  for (std::size_t i = parts.size() - std::min(count, parts.size()); i < parts.size(); ++i) {
    text += (text.empty() ? "" : "/") + parts[i];
  }
  return text;
}

std::vector<std::string> read_list(const fs::path& path) {
  std::ifstream file(path);
  if (!file) {
    throw Error(ErrorClass::kIo, fmt::format("{}: cannot be read", path.string()));
  }
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find_first_not_of(" \t\r");
    const std::size_t last = line.find_last_not_of(" \t\r");
    if (first != std::string::npos && line[first] != '#') {
      lines.push_back(line.substr(first, last - first + 1));
    }
  }
  return lines;
}

// Finds clips by the ends of their ids; an index per number of path parts, built when needed.
class ClipsByPathEnd {
 public:
  explicit ClipsByPathEnd(const FeatureSet& features) : features_(features) {}

  // Where no clip ends so, those that do but for the extension: published lists name files that
  // their users have converted since.
  std::span<const std::size_t> find(const std::string& end) {
    const fs::path path = fs::path(end).lexically_normal();
    const std::span<const std::size_t> exact = find(path, true);
    return exact.empty() ? find(path, false) : exact;
  }

 private:
  static std::string key_of(fs::path path, std::size_t num_parts, bool with_extension) {
    const std::string extension = path.extension().string();
    // The number of "blues.00029" is none.
    if (!with_extension && extension.size() > 1 &&
        std::isalpha(static_cast<unsigned char>(extension[1])) != 0) {
      path.replace_extension();
    }
    return last_parts(path, num_parts);
  }

  std::span<const std::size_t> find(const fs::path& path, bool with_extension) {
    const auto num_parts = static_cast<std::size_t>(std::distance(path.begin(), path.end()));
    auto& index = indices_[{num_parts, with_extension}];
    if (index.empty()) {
      for (std::size_t clip = 0; clip < features_.clips.size(); ++clip) {
        index[key_of(features_.clips[clip].id, num_parts, with_extension)].push_back(clip);
      }
    }
    const auto found = index.find(key_of(path, num_parts, with_extension));
    return found == index.end() ? std::span<const std::size_t>() : found->second;
  }

  const FeatureSet& features_;
  std::map<std::pair<std::size_t, bool>, std::unordered_map<std::string, std::vector<std::size_t>>>
      indices_;
};

}  // namespace

std::vector<Partition> fold_partitions(const FeatureSet& features, int num_folds,
                                       int num_repetitions, bool grouped, std::uint64_t seed) {
  if (num_repetitions < 1) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{} repetitions; at least 1 is needed", num_repetitions));
  }
  std::vector<std::size_t> all(features.clips.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<Partition> partitions;
  for (int repetition = 0; repetition < num_repetitions; ++repetition) {
    std::vector<Partition> more =
        fold_partitions_of(features, all, num_folds, grouped, division_seed(seed, repetition));
    for (Partition& partition : more) {
      partition.repetition = repetition;
      partitions.push_back(std::move(partition));
    }
  }
  return partitions;
}

std::vector<Partition> fold_partitions_of(const FeatureSet& features,
                                          std::span<const std::size_t> clips, int num_folds,
                                          bool grouped, std::uint64_t seed) {
  std::vector<int> labels;
  std::vector<std::string> groups;
  labels.reserve(clips.size());
  for (const std::size_t clip : clips) {
    labels.push_back(features.clips[clip].label);
    if (grouped) {
      groups.push_back(features.clips[clip].group);
    }
  }
  const std::vector<int> fold_of_clip =
      stratified_folds(labels, groups, num_folds, seed, features.labels);
  std::vector<Partition> partitions(static_cast<std::size_t>(num_folds));
  for (int fold = 0; fold < num_folds; ++fold) {
    Partition& partition = partitions[static_cast<std::size_t>(fold)];
    partition.fold = fold;
    for (std::size_t i = 0; i < clips.size(); ++i) {
      (fold_of_clip[i] == fold ? partition.test : partition.train).push_back(clips[i]);
    }
  }
  return partitions;
}

ListedPartition listed_partition(const FeatureSet& features, const PartitionLists& lists) {
  if (lists.train.empty() || lists.test.empty()) {
    throw Error(ErrorClass::kUsage,
                "a fixed partition needs a list of clips to train on and one "
                "of clips to test");
  }
  ListedPartition result;
  ClipsByPathEnd clips_by_end(features);
  std::vector<const fs::path*> list_of_clip(features.clips.size());
  const std::array<std::pair<const fs::path*, std::vector<std::size_t>*>, 3> parts = {
      {{&lists.train, &result.partition.train},
       {&lists.validation, &result.partition.validation},
       {&lists.test, &result.partition.test}}};
  for (const auto& [list, clips] : parts) {
    if (list->empty()) {
      continue;
    }
    for (const std::string& line : read_list(*list)) {
      const std::span<const std::size_t> found = clips_by_end.find(line);
      if (found.size() > 1) {
        throw Error(ErrorClass::kUsage,
                    fmt::format("{}: '{}' fits {} and {}; write more of the path", list->string(),
                                line, features.clips[found[0]].id, features.clips[found[1]].id));
      }
      if (found.empty()) {
        if (result.num_missing++ == 0) {
          result.first_missing = line;
        }
        continue;
      }
      const fs::path*& before = list_of_clip[found[0]];
      if (before != nullptr) {
        throw Error(ErrorClass::kUsage, fmt::format("{}: '{}' is in {} already", list->string(),
                                                    line, before->string()));
      }
      before = list;
      clips->push_back(found[0]);
    }
    if (clips->empty()) {
      throw Error(
          ErrorClass::kUsage,
          fmt::format("{}: none of its lines names a clip of the data, whose first is {}",
                      list->string(), features.clips.empty() ? "missing" : features.clips[0].id));
    }
    std::sort(clips->begin(), clips->end());
  }
  result.num_unlisted =
      static_cast<std::size_t>(std::count(list_of_clip.begin(), list_of_clip.end(), nullptr));
  return result;
}

std::vector<std::vector<std::size_t>> clips_of_groups(const FeatureSet& features) {
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_name;
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    if (!features.clips[clip].group.empty()) {
      by_name[features.clips[clip].group].push_back(clip);
    }
  }
  std::vector<std::vector<std::size_t>> groups;
  for (auto& [name, clips] : by_name) {
    if (clips.size() > 1) {
      groups.push_back(std::move(clips));
    }
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

std::vector<int> fold_of_clips(std::size_t num_clips, std::span<const Partition> partitions,
                               int repetition) {
  std::vector<int> fold_of_clip(num_clips, -1);
  for (const Partition& partition : partitions) {
    if (partition.repetition == repetition) {
      for (const std::size_t clip : partition.test) {
        fold_of_clip[clip] = partition.fold;
      }
    }
  }
  return fold_of_clip;
}

}  // namespace vggroove
