#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/nets/vggish.h"

namespace vggroove {

// One file on its way through the archive: its embeddings, or why there are none.
struct EmbeddedClip {
  std::filesystem::path path;
  double duration_s = 0;
  bool padded = false;            // shorter than one example: filled up with silence
  std::vector<float> embeddings;  // [num_examples, 128]; example i starts at i * 0.96 s
  std::optional<Error> error;

  std::size_t num_examples() const { return embeddings.size() / kEmbeddingSize; }
};

struct EmbedFilesOptions {
  int num_jobs = 0;     // workers; 0: one per core
  bool strict = false;  // refuse clips shorter than one example (Error kTooShort)
};

struct EmbedFilesProgress {
  std::size_t files_done = 0, files_failed = 0, files_total = 0;
  double audio_seconds = 0;  // decoded so far
};

// Embeds files with one worker per job; batches are composed over files, so that an archive of
// short clips costs no more than one long file. `on_clip` is called from one thread at a time, in
// the order of `paths`; every path gets exactly one call, also when it fails. An exception that
// on_clip throws stops the run and is rethrown. Results do not depend on num_jobs, bit for bit.
void embed_files(std::span<const std::filesystem::path> paths, const Vggish& net,
                 const EmbedFilesOptions& options,
                 const std::function<void(EmbeddedClip&&)>& on_clip,
                 const std::function<void(const EmbedFilesProgress&)>& on_progress = {});

}  // namespace vggroove
