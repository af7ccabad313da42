#include "cli/archive_run.h"

#include <fmt/format.h>

#include <cstdio>
#include <set>
#include <system_error>
#include <utility>

#include "cli/interrupt.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "frontend/archive/walk.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

// Files in the order of the inputs, joined again with the inputs that never were files.
class InputOrder {
 public:
  InputOrder(std::span<const AudioInput> inputs, std::function<void(EmbeddedClip&&)> deliver)
      : inputs_(inputs), deliver_(std::move(deliver)) {}

  void deliver(EmbeddedClip&& clip) {
    deliver_failed_inputs();
    ++next_;
    deliver_(std::move(clip));
  }

  void deliver_failed_inputs() {
    for (; next_ < inputs_.size() && inputs_[next_].error; ++next_) {
      EmbeddedClip clip;
      clip.path = inputs_[next_].path;
      clip.error = inputs_[next_].error;
      deliver_(std::move(clip));
    }
  }

 private:
  std::span<const AudioInput> inputs_;
  std::function<void(EmbeddedClip&&)> deliver_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<AudioInput> find_audio_inputs(std::span<const std::string> arguments) {
  std::vector<AudioInput> inputs;
  std::set<fs::path> seen;
  for (const std::string& argument : arguments) {
    const fs::path path = argument;
    try {
      for (fs::path& file : find_audio_files({&path, 1})) {
        std::error_code no_working_directory;
        if (seen.insert(fs::absolute(file, no_working_directory).lexically_normal()).second) {
          inputs.push_back({std::move(file), std::nullopt});
        }
      }
    } catch (const Error& error) {
      inputs.push_back({path, error});
    }
  }
  return inputs;
}

int run_archive(std::span<const AudioInput> inputs, const Vggish& net,
                const ArchiveRunOptions& options, ProgressLine& progress_line,
                const std::function<void(EmbeddedClip&)>& on_clip) {
  std::vector<fs::path> paths;
  for (const AudioInput& input : inputs) {
    if (!input.error) {
      paths.push_back(input.path);
    }
  }
  EmbedFilesProgress progress;
  progress.files_total = inputs.size();

  InputOrder order(inputs, [&](EmbeddedClip&& clip) {
    on_clip(clip);
    ++progress.files_done;
    if (clip.error) {
      ++progress.files_failed;
      if (options.print_failures) {
        progress_line.clear();
        fmt::print(stderr, "vggroove: {}\n", terminal_text(clip.error->what()));
      }
    }
  });
  const auto print_summary = [&] {
    progress_line.clear();
    std::string text = summary_text(options.done_word, progress, progress_line.elapsed_s());
    if (options.num_skipped > 0) {
      text += fmt::format("; {} were finished before", options.num_skipped);
    }
    fmt::print(stderr, "{}\n", text);
  };

  try {
    const InterruptGuard guard;
    embed_files(
        paths, net, options.embed, [&](EmbeddedClip&& clip) { order.deliver(std::move(clip)); },
        [&](const EmbedFilesProgress& files) {
          progress.audio_seconds = files.audio_seconds;
          progress_line.show(progress);
          InterruptGuard::throw_if_interrupted();
        });
    order.deliver_failed_inputs();
  } catch (const Interrupted&) {
    print_summary();
    throw;
  }
  print_summary();
  return progress.files_failed > 0 ? kSomeFilesFailed : kAllGood;
}

}  // namespace vggroove::cli
