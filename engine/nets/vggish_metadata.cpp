#include "engine/nets/vggish_metadata.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/dsp/logmel.h"

namespace vggroove {

nlohmann::json frontend_metadata() {
  return {{"sample_rate_hz", LogMelSpec::kSampleRateHz},
          {"window_samples", LogMelSpec::kWindowSamples},
          {"hop_samples", LogMelSpec::kHopSamples},
          {"fft_size", LogMelSpec::kFftSize},
          {"num_bands", LogMelSpec::kNumBands},
          {"low_hz", LogMelSpec::kLowHz},
          {"high_hz", LogMelSpec::kHighHz},
          {"log_offset", LogMelSpec::kLogOffset},
          {"example_frames", LogMelSpec::kExampleFrames},
          {"example_hop_frames", LogMelSpec::kExampleHopFrames}};
}

void check_frontend(const weights::ModelFile& model) {
  const nlohmann::json& recorded = model.metadata().frontend;
  if (!recorded.is_object()) {
    return;
  }
  const nlohmann::json expected = frontend_metadata();
  for (const auto& [key, ours] : expected.items()) {
    if (recorded.contains(key) && recorded.at(key) != ours) {
      throw Error(
          ErrorClass::kUnsupported,
          fmt::format("{}: its weights belong to a front end with {} = {}, but this program "
                      "computes {} = {}; convert the original weights with `vggroove "
                      "weights import`",
                      model.path().string(), key, recorded.at(key).dump(), key, ours.dump()));
    }
  }
}

}  // namespace vggroove
