#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "frontend/audio/audio_reader.h"
#include "tests/fuzz/memory_file.h"

namespace {

// A header of a few bytes may promise hours of silence (FLAC: 65 535 samples in 14 bytes), and
// decoding them is no finding: stop after this many samples over all channels.
constexpr double kDecodedSamplesBudget = 4e6;

void read_through(const std::filesystem::path& path) {
  vggroove::AudioReader reader(path);
  const vggroove::AudioInfo& info = reader.info();
  if (info.sample_rate_hz < 4000 || info.sample_rate_hz > 384000 || info.num_channels < 1 ||
      info.num_channels > 64) {
    std::abort();  // an absurd header got through
  }
  std::vector<float> samples(997);
  while (const std::size_t count = reader.read(samples)) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isfinite(samples[i])) {
        std::abort();  // what the network would multiply everything with
      }
    }
    if (reader.decoded_seconds() * info.sample_rate_hz * info.num_channels >
        kDecodedSamplesBudget) {
      return;
    }
  }
}

}  // namespace

// libsndfile 1.2.0 forgets what it allocated in libvorbis when a Vorbis header is damaged (6 kB a
// file). Leaks of our own code do not pass through these libraries and are still found.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libvorbis.so\nleak:libsndfile.so\n";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(data, size);
  try {
    read_through(file.path());
  } catch (const vggroove::Error&) {
    // What bytes that are no audio are meant to end in.
  }
  return 0;
}
