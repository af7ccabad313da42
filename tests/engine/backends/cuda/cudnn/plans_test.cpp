#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/backends/cuda/cudnn/graph_descriptors.h"
#include "engine/backends/cuda/cudnn/plan.h"
#include "tests/engine/backends/cuda/cudnn/plan_table.h"
#include "tests/support/expect_error.h"

namespace vggroove::cudnn {
namespace {

using testing::expect_error;

const std::filesystem::path kSource = VGGROOVE_SOURCE_DIR;

std::vector<std::filesystem::path> device_files() {
  std::vector<std::filesystem::path> files;
  for (const char* name : {"sm_80", "sm_90", "sm_100", "sm_120"}) {
    files.push_back(kSource / "tests/engine/backends/cuda/cudnn/devices" /
                    (std::string(name) + ".json"));
  }
  return files;
}

Graph conv2(ConvPass pass, MathMode math) {
  const NamedConv conv2 = vggish_convolutions(5)[1];
  return conv_graph(conv2.name, pass, conv2.shape, math);
}

TEST(CudnnPlans, every_layer_pass_and_precision_has_one_on_every_architecture) {
  const std::vector<PlanRow> rows = plan_rows(device_files());
  EXPECT_EQ(rows.size(), 4U * 6 * 3 * 3);
  int num_on_tensor_cores = 0;
  for (const PlanRow& row : rows) {
    const std::string name = row.device + " " + row.layer + " " + std::string(pass_name(row.pass)) +
                             " " + std::string(math_mode_name(row.math));
    EXPECT_FALSE(row.math == MathMode::kFp32 && row.notes.tensor_cores) << name;
    EXPECT_FALSE(row.notes.nondeterministic) << name;
    EXPECT_FALSE(row.notes.reduced_precision) << name;
    EXPECT_FALSE(row.notes.runtime_compiled) << name;
    EXPECT_GE(row.workspace_bytes, 0) << name;
    EXPECT_LE(row.workspace_bytes, PlanOptions{}.workspace_limit_bytes) << name;
    num_on_tensor_cores += row.notes.tensor_cores ? 1 : 0;
  }
  // Were the note no longer given, strict fp32 would mean nothing.
  EXPECT_GT(num_on_tensor_cores, static_cast<int>(rows.size()) / 2);

  std::ifstream file(kSource / "docs/cudnn_plans.md");
  const std::string listed{std::istreambuf_iterator<char>(file), {}};
  const std::string version = "\ncuDNN " + std::to_string(cudnnGetVersion()) + ",";
  if (listed.find(version) == std::string::npos) {
    GTEST_SKIP() << "docs/cudnn_plans.md lists the engines of another version of cuDNN";
  }
  EXPECT_EQ(plan_table(rows), listed) << "write docs/cudnn_plans.md anew with cudnn_plan_table";
}

TEST(CudnnPlans, strict_fp32_is_what_keeps_tensor_cores_away) {
  const DeviceProperties device = described_device(device_files()[0]);
  const Plan strict =
      Plan::find(conv2(ConvPass::kFprop, MathMode::kFp32), device, {.math = MathMode::kFp32});
  EXPECT_FALSE(strict.notes().tensor_cores);
  const Plan tf32 =
      Plan::find(conv2(ConvPass::kFprop, MathMode::kTf32), device, {.math = MathMode::kTf32});
  EXPECT_TRUE(tf32.notes().tensor_cores);
  // The stored TF32 plan is no way around it.
  EXPECT_TRUE(Plan::load(tf32.json(), device, {.math = MathMode::kTf32}).notes().tensor_cores);
  expect_error(ErrorClass::kInvalid, "tensor cores",
               [&] { Plan::load(tf32.json(), device, {.math = MathMode::kFp32}); });
}

TEST(CudnnPlans, workspace_limit_is_kept_and_reasons_are_counted) {
  const DeviceProperties device = described_device(device_files()[1]);
  const Graph graph = conv2(ConvPass::kDgrad, MathMode::kFp32);
  EXPECT_GT(Plan::find(graph, device, {}).workspace_bytes(), 0);
  EXPECT_EQ(Plan::find(graph, device, {.workspace_limit_bytes = 0}).workspace_bytes(), 0);
  expect_error(ErrorClass::kUnsupported, "conv2 dgrad (fp32): none of ",
               [&] { Plan::find(graph, device, {.workspace_limit_bytes = -1}); });
  expect_error(ErrorClass::kUnsupported, "workspace above -1 bytes ",
               [&] { Plan::find(graph, device, {.workspace_limit_bytes = -1}); });
}

TEST(CudnnPlans, no_engine_at_all_is_an_error) {
  // An fp32 bias beside bf16 operands: only engines that are compiled at run time take it.
  Graph graph = conv2(ConvPass::kFprop, MathMode::kBf16);
  graph.tensors[2].type = TensorType::kFp32;
  const DeviceProperties device = described_device(device_files()[1]);
  expect_error(ErrorClass::kUnsupported, "conv2 fprop (bf16): ", [&] {
    Plan::find(graph, device, {.math = MathMode::kBf16});
  });
}

TEST(CudnnPlans, planted_defects_never_reach_cudnn) {
  Graph graph = conv2(ConvPass::kFprop, MathMode::kFp32);
  graph.tensors[1].uid = graph.tensors[0].uid;
  expect_error(ErrorClass::kUsage, "the same uid 1", [&] { describe(graph); });
  graph = conv2(ConvPass::kFprop, MathMode::kFp32);
  graph.tensors[0].is_virtual = true;
  expect_error(ErrorClass::kUsage, "virtual tensor x", [&] { describe(graph); });
}

TEST(CudnnPlans, refused_calls_say_which_and_where) {
  Descriptor descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  expect_error(ErrorClass::kUsage, "cuDNN cudnnBackendFinalize: CUDNN_STATUS_BAD_PARAM",
               [&] { descriptor.finalize(); });
  expect_error(ErrorClass::kUsage, "plans_test.cpp:", [&] { descriptor.finalize(); });
  expect_error(ErrorClass::kUsage, "VGGROOVE_CUDNN_test",
               [&] { check(CUDNN_STATUS_BAD_PARAM, "VGGROOVE_CUDNN_test"); });
}

TEST(CudnnPlans, running_without_a_handle_is_an_error) {
  const Plan plan =
      Plan::find(conv2(ConvPass::kDgrad, MathMode::kFp32), described_device(device_files()[1]), {});
  alignas(16) std::byte never_read[16]{};
  const std::vector<Plan::Binding> tensors = {
      {kUidGradY, never_read}, {kUidWeight, never_read}, {kUidGradX, never_read}};
  expect_error(ErrorClass::kUsage, "cudnnBackendExecute",
               [&] { plan.run(nullptr, tensors, never_read); });
}

TEST(CudnnPlans, device_of_this_machine_needs_a_driver) {
  try {
    EXPECT_FALSE(DeviceProperties::of_device(0).json().empty());
  } catch (const Error& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::kUnsupported) << error.what();
  }
}

TEST(CudnnPlans, damaged_device_descriptions_are_errors) {
  EXPECT_THROW(DeviceProperties::from_json("{"), Error);
  EXPECT_THROW(DeviceProperties::from_json("{}"), Error);
  EXPECT_THROW(DeviceProperties::from_json(""), Error);
}

}  // namespace
}  // namespace vggroove::cudnn
