// The CUDA backend on the simulated device, from samples to embeddings, against the cpu backend.
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <vector>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/cuda_vggish.h"
#include "engine/backends/sim/simulator.h"
#include "engine/nets/vggish_layers.h"
#include "frontend/logmel/example_cutter.h"
#include "frontend/logmel/logmel_frames.h"
#include "kernels/dsp/logmel.h"
#include "tests/engine/backends/sim/device_array.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/seeded_network.h"

namespace vggroove {
namespace {

using sim::Simulator;

constexpr std::uint64_t kSeed = 7;
constexpr std::size_t kChunk = 2;
constexpr std::size_t kSamples = example_values(ExampleForm::kSamples);

std::shared_ptr<const Vggish> load(Precision precision, std::size_t chunk = kChunk,
                                   LogmelMethod logmel = LogmelMethod::kOwn) {
  return cuda::load_cuda_vggish(
      testing::seeded_tensors(kSeed), precision,
      {.chunk = chunk, .logmel = logmel, .device_name = "sim", .plan_folder = {}});
}

std::vector<float> embed(const Vggish& net, Vggish::Session& session,
                         std::span<const float> examples) {
  const std::size_t n = examples.size() / example_values(net.input_form());
  std::vector<float> embeddings(n * kEmbeddingSize);
  session.embed(examples.data(), n, embeddings.data());
  return embeddings;
}
std::vector<float> embed(const Vggish& net, std::span<const float> examples) {
  return embed(net, *net.new_session(3), examples);
}

class SimVggish : public ::testing::Test {
 protected:
  static constexpr std::size_t kExamples = 3;
  // Of two seconds, and of a clip shorter than one example.
  static std::span<const float> samples() {
    static const std::vector<float> values = [] {
      std::vector<float> examples;
      for (const std::size_t num_samples : {32000, 5000}) {
        ExampleCutter cutter;
        cutter.push(testing::ramp(num_samples, 5));
        cutter.pad_to_one_example();
        for (auto example = cutter.pop(); !example.empty(); example = cutter.pop()) {
          examples.insert(examples.end(), example.begin(), example.end());
        }
      }
      return examples;
    }();
    return values;
  }
  static std::span<const float> expected() {
    static const std::vector<float> embeddings = [] {
      std::vector<float> logmels(kExamples * LogMelSpec::kExampleValues);
      for (std::size_t i = 0; i < kExamples; ++i) {
        logmel_frames(&samples()[i * kSamples], LogMelSpec::kExampleFrames,
                      &logmels[i * LogMelSpec::kExampleValues]);
      }
      const auto net =
          make_vggish(cpu::CpuBackend(cpu::Arithmetic::kFp32), testing::seeded_tensors(kSeed));
      return embed(*net, logmels);
    }();
    return embeddings;
  }
  static void expect_close(std::span<const float> actual, double tolerance, const char* what) {
    testing::expect_within(testing::relative_l2(actual, expected().first(actual.size())), tolerance,
                           what);
  }
  void TearDown() override { EXPECT_EQ(Simulator::get().leaks(), ""); }
};

TEST_F(SimVggish, fp32_equals_the_cpu_backend_also_when_passes_are_a_graph) {
  const auto net = load(Precision::kFp32);
  EXPECT_EQ(net->device_description(), "sim (simulated GPU)");
  const auto session = net->new_session(kExamples);
  const std::uint64_t launches_before = Simulator::get().counts.graph_launches;
  // Two passes: the second one, of the third example and silence, is captured and launched.
  ASSERT_EQ(samples().size(), kExamples * kSamples);
  const std::vector<float> all = embed(*net, *session, samples());
  expect_close(all, 1e-5, "fp32");
  EXPECT_EQ(Simulator::get().counts.graph_launches - launches_before, 1u);
  // One example's bits do not depend on its neighbours, nor on its place.
  const std::vector<float> last = embed(*net, *session, samples().subspan(2 * kSamples));
  EXPECT_EQ(std::memcmp(last.data(), all.data() + 2 * kEmbeddingSize, last.size() * sizeof(float)),
            0);
  EXPECT_TRUE(embed(*net, *session, {}).empty());
  testing::expect_error(ErrorClass::kUsage, "4 examples",
                        [&] { session->embed(samples().data(), kExamples + 1, nullptr); });
}

TEST_F(SimVggish, log_mels_through_cufft_give_the_same) {
  const auto net = load(Precision::kFp32, 1, LogmelMethod::kCufft);
  expect_close(embed(*net, samples().first(kSamples)), 1e-5, "cufft");
}

TEST_F(SimVggish, tf32_and_bf16_are_close) {
  // Nine layers, each rounding its inputs to 11 and to 8 bits.
  const auto one = samples().first(kSamples);
  expect_close(embed(*load(Precision::kTf32, 1), one), 2e-3, "tf32");
  expect_close(embed(*load(Precision::kBf16, 1), one), 1.5e-2, "bf16");
}

TEST_F(SimVggish, a_session_without_memory_for_its_batch_takes_half_and_goes_on) {
  Simulator& gpu = Simulator::get();
  const std::size_t limit = gpu.memory.device_limit();
  const auto net = load(Precision::kFp32, 4);
  // Room for a pass of one example (two activations of 768 kB, and workspace), and not for two.
  gpu.memory.set_device_limit(gpu.memory.device_bytes() + (std::size_t{2} << 20));
  {
    const auto session = net->new_session(1);
    const std::uint64_t before = gpu.counts.copied_to_device_bytes;
    expect_close(embed(*net, *session, samples().first(kSamples)), 1e-5, "half the batch");
    // Samples, and no log-mels.
    EXPECT_EQ(gpu.counts.copied_to_device_bytes - before, kSamples * sizeof(float));
  }
  gpu.memory.set_device_limit(gpu.memory.device_bytes());
  EXPECT_THROW(net->new_session(1), OutOfDeviceMemory);
  gpu.memory.set_device_limit(limit);
}

TEST_F(SimVggish, a_device_lost_between_two_batches_is_an_error) {
  const auto net = load(Precision::kFp32, 1);
  const auto session = net->new_session(1);
  Simulator::get().lose_device();
  testing::expect_error(ErrorClass::kDevice, "lost the device",
                        [&] { embed(*net, *session, samples().first(kSamples)); });
  Simulator::get().repair_device();
}

}  // namespace
}  // namespace vggroove
