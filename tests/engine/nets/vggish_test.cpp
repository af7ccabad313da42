// The whole network against PyTorch in float64 (tests/golden/vggish), and its promises.
#include "engine/nets/vggish.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/device/cpu_info.h"
#include "engine/nets/vggish_layers.h"
#include "kernels/dsp/logmel.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/seeded_network.h"
#include "tests/support/temporary_folder.h"
#include "weights/he_init.h"
#include "weights/model_file.h"
#include "weights/npz.h"

namespace vggroove {
namespace {

using cpu::Arithmetic;
using cpu::CpuBackend;
using testing::expect_within;
using testing::GuardedBuffer;

constexpr std::uint64_t kSeed = 7;
constexpr std::size_t kGoldenExamples = 3;

// fp32: the network adds up nine layers' rounding; Winograd's share is measured at 1.5e-6.
constexpr double kFp32Tolerance = 1e-5;
// bf16: measured 6e-3 (weights rounded) and 8e-3 (inputs too).
constexpr double kBf16Tolerance = 1.5e-2;

std::vector<float> make_logmel(std::size_t n) {  // as the golden's script defines it
  std::vector<float> values;
  for (std::size_t e = 0; e < n; ++e) {
    for (std::size_t i = 0; i < LogMelSpec::kExampleValues; ++i) {
      values.push_back(static_cast<float>((31 * i * i + 7919 * i + 104729 * e) % 8192) / 1024 - 5);
    }
  }
  return values;
}

std::vector<double> golden_embeddings() {
  const auto arrays = weights::read_npz(std::string(VGGROOVE_GOLDEN_DIR) + "/vggish/golden.npz");
  const std::vector<std::byte>& bytes = arrays.at("embeddings").tensor.data;
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  EXPECT_EQ(values.size(), kGoldenExamples * kEmbeddingSize);
  return values;
}

std::vector<float> embed(Vggish::Session& session, const float* logmel, std::size_t n) {
  GuardedBuffer in(n * LogMelSpec::kExampleValues * sizeof(float));
  GuardedBuffer out(n * kEmbeddingSize * sizeof(float));
  std::memcpy(in.data(), logmel, in.bytes());
  session.embed(in.as<float>().data(), n, out.as<float>().data());
  const auto values = out.as<float>();
  return {values.begin(), values.end()};
}

void expect_golden(const Vggish& net, double tolerance, const char* what) {
  const std::vector<float> actual = embed(*net.new_session(kGoldenExamples),
                                          make_logmel(kGoldenExamples).data(), kGoldenExamples);
  const std::vector<double> expected = golden_embeddings();
  expect_within(
      testing::relative_l2(std::span<const float>(actual), std::span<const double>(expected)),
      tolerance, what);
}

TEST(Vggish, loaded_from_a_model_file_matches_pytorch_on_both_cpu_paths) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "model.safetensors";
  weights::write_he_init_model(path, kSeed, {}, std::thread::hardware_concurrency());
  const weights::ModelFile model = weights::ModelFile::open(path);
  for (const CpuPath cpu_path : {CpuPath::kOwn, CpuPath::kOneDnn}) {
    VggishOptions options;
    options.cpu_path = cpu_path;
    expect_golden(*Vggish::load(model, options), kFp32Tolerance,
                  cpu_path == CpuPath::kOwn ? "own, fp32" : "oneDNN, fp32");
    options.precision = Precision::kBf16;
    std::shared_ptr<const Vggish> net;
    try {
      net = Vggish::load(model, options);
    } catch (const Error& error) {
      // oneDNN has bf16 on AVX-512 processors only, and says so.
      EXPECT_EQ(cpu_path, CpuPath::kOneDnn);
      EXPECT_NE(std::string(error.what()).find("bf16"), std::string::npos) << error.what();
      continue;
    }
    expect_golden(*net, kBf16Tolerance, cpu_path == CpuPath::kOwn ? "own, bf16" : "oneDNN, bf16");
  }
}

TEST(Vggish, every_arithmetic_matches_pytorch_and_keeps_examples_independent) {
  constexpr std::size_t kMaxBatch = 33;
  const std::vector<float> logmel = make_logmel(kMaxBatch);
  for (const Arithmetic arithmetic :
       {Arithmetic::kFp32, Arithmetic::kBf16Weights, Arithmetic::kBf16Dot}) {
    if (arithmetic == Arithmetic::kBf16Dot && !cpu_info().has_bf16_dot) {
      continue;
    }
    SCOPED_TRACE(static_cast<int>(arithmetic));
    const auto net = make_vggish(CpuBackend(arithmetic), testing::seeded_tensors(kSeed));
    expect_golden(*net, arithmetic == Arithmetic::kFp32 ? kFp32Tolerance : kBf16Tolerance,
                  "in memory");
    const auto session = net->new_session(kMaxBatch);
    const std::vector<float> together = embed(*session, logmel.data(), kMaxBatch);
    for (const std::size_t n : {1, 2, 3, 5, 31, 32}) {
      // The last n examples: another batch size, and every example in another place.
      const std::size_t first = kMaxBatch - n;
      const auto own_session = net->new_session(n);
      const std::vector<float> some =
          embed(*own_session, logmel.data() + first * LogMelSpec::kExampleValues, n);
      EXPECT_EQ(std::memcmp(some.data(), together.data() + first * kEmbeddingSize,
                            some.size() * sizeof(float)),
                0)
          << n << " examples";
    }
    EXPECT_EQ(embed(*session, logmel.data(), kMaxBatch), together) << "a second time";
    EXPECT_TRUE(embed(*session, logmel.data(), 0).empty());
    testing::expect_error(ErrorClass::kUsage, "34 examples",
                          [&] { session->embed(logmel.data(), kMaxBatch + 1, nullptr); });
  }
}

TEST(Vggish, refuses_a_model_that_is_only_a_head) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "head.safetensors";
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  metadata.labels = {"jazz", "metal"};
  const auto zeros = [](const char* name, const weights::Shape& shape) {
    const auto bytes = static_cast<std::size_t>(weights::num_elements(shape)) * sizeof(float);
    return weights::Tensor{name, weights::DType::kF32, shape, std::vector<std::byte>(bytes)};
  };
  const std::vector<weights::Tensor> tensors{zeros("head/mean", {128}), zeros("head/scale", {128}),
                                             zeros("head/logits/weights", {128, 2}),
                                             zeros("head/logits/biases", {2})};
  weights::write_model_file(path, metadata, tensors);
  const weights::ModelFile model = weights::ModelFile::open(path);
  testing::expect_error(ErrorClass::kInvalid, "head.safetensors", [&] { Vggish::load(model, {}); });
}

}  // namespace
}  // namespace vggroove
