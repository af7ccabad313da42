#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/backends/cuda/cudnn/plan.h"
#include "engine/nets/vggish_layers.h"

// Plans for every convolution of the network on described devices, and their list in docs/.
namespace vggroove::cudnn {

inline constexpr ConvPass kPasses[] = {ConvPass::kFprop, ConvPass::kDgrad, ConvPass::kWgrad};
inline constexpr MathMode kMathModes[] = {MathMode::kFp32, MathMode::kTf32, MathMode::kBf16};
inline constexpr std::int64_t kTableBatch = 64;

struct NamedConv {
  std::string name;  // "conv3_1"
  ConvShape shape;
};

inline std::vector<NamedConv> vggish_convolutions(std::int64_t n) {
  std::vector<NamedConv> convolutions;
  for (const VggishLayer& layer : vggish_layers()) {
    if (const auto* const spec = std::get_if<Conv3x3Spec>(&layer.spec)) {
      const auto size = [](std::size_t count) { return static_cast<std::int64_t>(count); };
      convolutions.push_back({.name = std::string(layer.name.substr(layer.name.rfind('/') + 1)),
                              .shape = {.n = n,
                                        .h = size(spec->height),
                                        .w = size(spec->width),
                                        .c = size(spec->in_channels),
                                        .k = size(spec->out_channels)}});
    }
  }
  return convolutions;
}

inline DeviceProperties described_device(const std::filesystem::path& json_file) {
  std::ifstream file(json_file);
  return DeviceProperties::from_json(std::string(std::istreambuf_iterator<char>(file), {}));
}

struct PlanRow {
  std::string device;
  std::string layer;
  ConvPass pass{};
  MathMode math{};
  EngineNotes notes;
  std::int64_t workspace_bytes = 0;
};

// Throws Error for the first plan that cannot be had.
inline std::vector<PlanRow> plan_rows(std::span<const std::filesystem::path> device_files) {
  std::vector<PlanRow> rows;
  for (const std::filesystem::path& file : device_files) {
    const DeviceProperties device = described_device(file);
    for (const NamedConv& convolution : vggish_convolutions(kTableBatch)) {
      for (const ConvPass pass : kPasses) {
        for (const MathMode math : kMathModes) {
          const Plan plan = Plan::find(conv_graph(convolution.name, pass, convolution.shape, math),
                                       device, {.math = math});
          rows.push_back({.device = file.stem().string(),
                          .layer = convolution.name,
                          .pass = pass,
                          .math = math,
                          .notes = plan.notes(),
                          .workspace_bytes = plan.workspace_bytes()});
        }
      }
    }
  }
  return rows;
}

inline std::string plan_table(std::span<const PlanRow> rows) {
  std::ostringstream text;
  text << "# The plans that cuDNN finds\n\n"
       << "cuDNN " << cudnnGetVersion() << ", batches of " << kTableBatch
       << ", no GPU: made from the descriptions in tests/engine/backends/cuda/cudnn/devices.\n"
       << "Each entry: engine, workspace in bytes; T: on tensor cores, W: Winograd. Written by "
          "cudnn_plan_table, compared by the\ntests labelled cudnn-plans.\n\n"
       << "| device | layer | pass | fp32 | tf32 | bf16 |\n|---|---|---|--:|--:|--:|\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const PlanRow& row = rows[i];
    if (i % std::size(kMathModes) == 0) {
      text << "| " << row.device << " | " << row.layer << " | " << pass_name(row.pass) << " |";
    }
    text << ' ' << (row.notes.tensor_cores ? "T " : "") << (row.notes.winograd ? "W " : "")
         << row.notes.engine << ", " << row.workspace_bytes << " |";
    if ((i + 1) % std::size(kMathModes) == 0) {
      text << '\n';
    }
  }
  return text.str();
}

}  // namespace vggroove::cudnn
