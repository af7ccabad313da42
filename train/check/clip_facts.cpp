#include "train/check/clip_facts.h"

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "frontend/audio/missing_end.h"
#include "weights/sha256.h"

namespace vggroove {
namespace {

constexpr std::size_t kSamplesPerRead = 16384;

ClipFacts read_facts(const std::filesystem::path& path) {
  ClipFacts facts;
  std::optional<SignalMeter> meter;
  AudioReader reader(path, [&](std::span<const float> interleaved, int num_channels) {
    meter->push(interleaved, num_channels);
  });
  facts.info = reader.info();
  meter.emplace(facts.info.sample_rate_hz);
  FingerprintBuilder fingerprint;
  std::vector<float> samples(kSamplesPerRead);
  while (const std::size_t count = reader.read(samples)) {
    fingerprint.push(std::span(samples).first(count));
  }
  facts.duration_s = reader.decoded_seconds();
  facts.signal = meter->finish();
  facts.fingerprint = fingerprint.finish();
  facts.missing_end = missing_end(path, facts.signal.num_frames);
  facts.file_sha256 = weights::sha256_of_file(path);
  return facts;
}

}  // namespace

ClipFacts read_clip_facts(const std::filesystem::path& path) {
  try {
    return read_facts(path);
  } catch (const Error& error) {
    ClipFacts facts;
    facts.error = error;
    return facts;
  }
}

}  // namespace vggroove
