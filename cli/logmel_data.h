#pragma once

#include "cli/data_options.h"
#include "engine/device/communicator.h"

namespace vggroove::cli {

// Log-mel examples of labelled data, for what trains the network: decodes the files on
// `num_threads` threads (0: one per core), with progress and failures on stderr, and writes
// --save-features. Each of several processes decodes all, which takes little beside the training;
// the first alone writes and says something. A table passes through; throws Error(kUsage) where its
// rows are no such examples. Throws Error(kEmpty) where all files failed, and Interrupted.
LoadedData load_logmel_data(OpenedData&& opened, const DataOptions& options, int num_threads,
                            const Communicator& processes = single_process());

}  // namespace vggroove::cli
