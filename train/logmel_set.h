#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "train/feature_set.h"
#include "train/manifest.h"

namespace vggroove {

// The log-mel examples of labelled files as a FeatureSet: a row is one example [96, 64], and the
// rows of a clip are one piece of spectrogram without gaps. Written as a feature table
// (write_feature_table), it is a cache that spares later runs the audio.
inline constexpr int kLogMelFeatures = 96 * 64;

struct LogMelSet {
  struct Failure {
    std::size_t file = 0;  // of files
    Error error;
  };
  FeatureSet logmels;
  std::vector<Failure> failures;  // files that were left out, ascending
};

// Decodes on `num_threads` threads (0: one per core); the result does not depend on their number.
// on_file is called from one thread at a time and may throw. Throws Error(kEmpty) where no file
// could be used.
LogMelSet decode_logmels(std::span<const LabelledFile> files, int num_threads,
                         const std::function<void(std::size_t files_done)>& on_file = {});

}  // namespace vggroove
