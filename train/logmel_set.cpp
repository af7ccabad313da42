#include "train/logmel_set.h"

#include <mutex>
#include <optional>

#include "engine/device/parallel_for.h"
#include "kernels/dsp/logmel.h"
#include "pipeline/clip_decoder.h"
#include "train/feature_set_builder.h"

namespace vggroove {

static_assert(kLogMelFeatures == LogMelSpec::kExampleValues);

namespace {

std::vector<float> decode(const LabelledFile& file) {
  constexpr std::size_t kExamplesPerPiece = 32;
  ClipDecoder decoder(file.path, /*strict=*/false);
  std::vector<float> values, piece(kExamplesPerPiece * LogMelSpec::kExampleValues);
  while (!decoder.finished()) {
    const std::size_t n = decoder.decode(piece.data(), kExamplesPerPiece);
    values.insert(values.end(), piece.begin(),
                  piece.begin() + static_cast<std::ptrdiff_t>(n * LogMelSpec::kExampleValues));
  }
  return values;
}

}  // namespace

LogMelSet decode_logmels(std::span<const LabelledFile> files, int num_threads,
                         const std::function<void(std::size_t files_done)>& on_file) {
  std::vector<std::vector<float>> decoded(files.size());
  std::vector<std::optional<Error>> errors(files.size());
  std::mutex one_at_a_time;
  std::size_t num_done = 0;
  parallel_for(
      files.size(),
      [&](std::size_t i) {
        try {
          decoded[i] = decode(files[i]);
        } catch (const Error& error) {
          errors[i] = error;
        }
        const std::lock_guard lock(one_at_a_time);
        ++num_done;
        if (on_file) {
          on_file(num_done);
        }
      },
      num_threads);
  LogMelSet set;
  FeatureSetBuilder builder(kLogMelFeatures);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!errors[i]) {
      try {
        builder.add(files[i], decoded[i]);
      } catch (const Error& error) {
        errors[i] = error;
      }
    }
    if (errors[i]) {
      set.failures.push_back({i, *errors[i]});
    }
    decoded[i] = {};
  }
  set.logmels = builder.finish();
  return set;
}

}  // namespace vggroove
