#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/nets/vggish_training.h"
#include "train/finetune.h"
#include "train/finetune_optimiser.h"

namespace vggroove {

// All that a run needs to go on after an epoch: the parameters that it trains, the optimiser's
// moments, and the epochs so far. One safetensors file, written atomically.
//   parameter/<name>, moment0/<name>, moment1/<name> [count], in canonical order
// `run` identifies the run: options, data, and the parameters that it started from.
void write_checkpoint(const std::filesystem::path& path, VggishTraining& net,
                      FinetuneOptimiser& optimiser, const std::vector<FinetuneEpoch>& epochs,
                      const std::string& run);

// The epochs so far; nothing where there is no such file. Throws Error: kUsage (a checkpoint of
// another run), kCorrupt, kIo.
std::optional<std::vector<FinetuneEpoch>> read_checkpoint(const std::filesystem::path& path,
                                                          VggishTraining& net,
                                                          FinetuneOptimiser& optimiser,
                                                          const std::string& run);

// Fowler-Noll-Vo hash, over words of 4 bytes: tells whether two runs have the same data.
class Fingerprint {
 public:
  void add(std::span<const float> values);
  void add(std::string_view text);
  std::string text() const;  // 16 hexadecimal digits

 private:
  void add_word(std::uint32_t word) { state_ = (state_ ^ word) * 0x100000001b3; }
  std::uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace vggroove
