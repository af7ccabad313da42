#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "frontend/audio/audio_reader.h"
#include "train/check/fingerprint.h"
#include "train/check/signal_facts.h"

namespace vggroove {

// What one pass over an audio file tells.
struct ClipFacts {
  std::optional<Error> error;  // the file cannot be read, and nothing else here counts
  AudioInfo info;
  double duration_s = 0;
  std::string file_sha256;  // of the bytes
  std::string missing_end;  // see frontend/audio/missing_end.h; "" where the file is whole
  SignalFacts signal;
  Fingerprint fingerprint;
};

// Streams the file; only the fingerprint grows with its length. An Error of the file is a fact, not
// thrown.
ClipFacts read_clip_facts(const std::filesystem::path& path);

}  // namespace vggroove
