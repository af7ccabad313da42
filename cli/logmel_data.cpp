#include "cli/logmel_data.h"

#include <fmt/format.h>

#include <utility>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "train/logmel_set.h"

namespace vggroove::cli {

LoadedData load_logmel_data(OpenedData&& opened, const DataOptions& options, int num_threads,
                            const Communicator& processes) {
  const bool is_first = processes.rank() == 0;
  if (opened.table) {
    if (opened.table->num_features != kLogMelFeatures) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: its rows have {} values, but fine-tuning needs log-mel examples "
                              "of {}, as `vggroove finetune --save-features` writes them",
                              options.data, opened.table->num_features, kLogMelFeatures));
    }
    return {.features = std::move(*opened.table), .failed = {}};
  }
  if (num_threads == 0) {
    num_threads = static_cast<int>(processes.num_cores());
  }
  ProgressLine progress;
  LogMelSet set = decode_logmels(opened.files, num_threads, [&](std::size_t done) {
    InterruptGuard::throw_if_interrupted();
    if (is_first) {
      progress.show(fmt::format("decoded {}/{} files", done, opened.files.size()));
    }
  });
  progress.clear();
  LoadedData loaded{.features = std::move(set.logmels), .failed = {}};
  for (const LogMelSet::Failure& failure : set.failures) {
    if (is_first) {
      fmt::print(stderr, "vggroove: {}\n", failure.error.what());
    }
    const LabelledFile& file = opened.files[failure.file];
    loaded.failed.push_back({file.path, file.label, failure.error});
  }
  if (is_first && !options.save_features.empty()) {
    write_feature_table(options.save_features, loaded.features);
  }
  return loaded;
}

}  // namespace vggroove::cli
