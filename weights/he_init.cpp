#include "weights/he_init.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <thread>
#include <vector>

#include "weights/model_file.h"

namespace vggroove::weights {
namespace {

constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15;
constexpr std::size_t kPieceValues = std::size_t{1} << 22;

constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

struct NormalPair {
  double first, second;
};

NormalPair normal_pair(std::uint64_t tensor_seed, std::uint64_t pair) {
  constexpr double kStep = 0x1p-53;
  const std::uint64_t a = mix(tensor_seed + kGoldenGamma * (2 * pair + 1));
  const std::uint64_t b = mix(tensor_seed + kGoldenGamma * (2 * pair + 2));
  const double radius = std::sqrt(-2.0 * std::log(static_cast<double>((a >> 11) + 1) * kStep));
  const double angle = 2.0 * std::numbers::pi * (static_cast<double>(b >> 11) * kStep);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

void he_init(std::uint64_t seed, std::size_t tensor, std::int64_t first, std::span<float> out) {
  const TensorSpec& spec = vggish_tensors().at(tensor);
  if (spec.shape.size() == 1) {
    std::ranges::fill(out, 0.0f);
    return;
  }
  const std::int64_t fan_in = num_elements(spec.shape) / spec.shape.back();
  const double deviation = std::sqrt(2.0 / static_cast<double>(fan_in));
  const std::uint64_t tensor_seed = mix(seed + kGoldenGamma * (1 + tensor));
  auto number = static_cast<std::uint64_t>(first);
  for (std::size_t i = 0; i < out.size();) {
    const NormalPair pair = normal_pair(tensor_seed, number / 2);
    if (number % 2 == 0) {
      out[i++] = static_cast<float>(deviation * pair.first);
      ++number;
    }
    if (i < out.size()) {
      out[i++] = static_cast<float>(deviation * pair.second);
      ++number;
    }
  }
}

void write_he_init_model(const std::filesystem::path& path, std::uint64_t seed,
                         const nlohmann::json& frontend, unsigned num_threads) {
  ModelMetadata metadata;
  metadata.architecture = "vggish";
  metadata.origin = "he-init";
  metadata.frontend = frontend;
  metadata.training = {{"initialisation", "he-normal"}, {"seed", seed}};
  std::vector<ModelFileWriter::Entry> entries;
  for (const TensorSpec& spec : vggish_tensors()) {
    entries.push_back({std::string(spec.name), spec.shape});
  }
  ModelFileWriter writer(path, metadata, entries);
  std::vector<float> piece;
  for (std::size_t tensor = 0; tensor < entries.size(); ++tensor) {
    const auto num_values = static_cast<std::size_t>(num_elements(entries[tensor].shape));
    for (std::size_t begin = 0; begin < num_values; begin += kPieceValues) {
      piece.resize(std::min(kPieceValues, num_values - begin));
      const std::size_t share = (piece.size() + num_threads - 1) / num_threads;
      {
        std::vector<std::jthread> threads;  // joined at the end of the block
        for (std::size_t part = 0; part < piece.size(); part += share) {
          const auto values = std::span(piece).subspan(part, std::min(share, piece.size() - part));
          threads.emplace_back(
              [=] { he_init(seed, tensor, static_cast<std::int64_t>(begin + part), values); });
        }
      }
      writer.append(piece);
    }
  }
  writer.commit();
}

}  // namespace vggroove::weights
