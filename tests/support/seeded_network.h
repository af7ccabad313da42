#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "engine/device/parallel_for.h"
#include "engine/nets/vggish_layers.h"
#include "weights/he_init.h"
#include "weights/model_file.h"

namespace vggroove::testing {

// The weights that `vggroove weights init --seed` makes, in memory: 289 MB, computed once per
// program and seed.
inline TensorReader seeded_tensors(std::uint64_t seed) {
  using Tensors = std::vector<std::vector<float>>;
  static std::map<std::uint64_t, Tensors> made;
  const auto [entry, is_new] = made.try_emplace(seed);
  Tensors& tensors = entry->second;
  for (std::size_t i = 0; is_new && i < weights::vggish_tensors().size(); ++i) {
    auto& values = tensors.emplace_back(weights::num_elements(weights::vggish_tensors()[i].shape));
    constexpr std::size_t kPiece = 1 << 18;
    parallel_for((values.size() + kPiece - 1) / kPiece, [&](std::size_t piece) {
      const std::size_t first = piece * kPiece;
      weights::he_init(seed, i, static_cast<std::int64_t>(first),
                       std::span(values).subspan(first, std::min(kPiece, values.size() - first)));
    });
  }
  return [&tensors](std::string_view name, std::int64_t first, std::span<float> out) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (weights::vggish_tensors()[i].name == name) {
        std::copy_n(tensors[i].begin() + first, out.size(), out.begin());
      }
    }
  };
}

}  // namespace vggroove::testing
