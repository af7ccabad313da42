#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/progress.h"
#include "engine/nets/vggish.h"
#include "pipeline/embed_files.h"

namespace vggroove::cli {

// A file to work on, or what the user named and why there is nothing to work on.
struct AudioInput {
  std::filesystem::path path;
  std::optional<Error> error;
};

// The files behind what the user named (frontend/archive/walk.h). An argument that leads to no
// file becomes an input with an error, so that it does not end the run; a file named twice, by
// whatever spelling of its path, stands once.
std::vector<AudioInput> find_audio_inputs(std::span<const std::string> arguments);

struct ArchiveRunOptions {
  EmbedFilesOptions embed;
  std::string done_word;        // "classified": begins the summary
  bool print_failures = true;   // one line on stderr per file that failed
  std::size_t num_skipped = 0;  // files left out because an earlier run finished them
};

// Embeds the inputs and calls `on_clip` for each in their order (pipeline/embed_files.h), with
// progress, failures and a summary on stderr. `on_clip` may set a clip's error, which then counts.
// Throws Interrupted after SIGINT or SIGTERM. Returns the exit code: kAllGood or kSomeFilesFailed.
int run_archive(std::span<const AudioInput> inputs, const Vggish& net,
                const ArchiveRunOptions& options, ProgressLine& progress,
                const std::function<void(EmbeddedClip&)>& on_clip);

}  // namespace vggroove::cli
