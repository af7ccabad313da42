#include "engine/backends/cuda/forward_pass.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/cudnn/plan.h"
#include "engine/backends/cuda/weight_upload.h"
#include "kernels/common/bfloat16.h"
#include "kernels/dsp/logmel.h"
#include "kernels/nn/conv1_pool.h"
#include "kernels/nn/maxpool2x2.h"

#include <nvtx3/nvtx3.hpp>

namespace vggroove::cuda {
namespace {

constexpr std::size_t kSamplesBytes = LogMelSpec::kFirstExampleSamples * sizeof(float);
static_assert(LogMelSpec::kFirstExampleSamples % kClipAlignmentSamples == 0);
constexpr std::size_t kEmbeddingBytes = kEmbeddingSize * sizeof(float);

// The most that lies between two operations: conv2 before its pool.
constexpr std::size_t kMaxActivations = 48 * 32 * 128;

}  // namespace

ForwardPass::ForwardPass(std::shared_ptr<const Network> network, LogmelMethod logmel_method,
                         std::size_t n)
    : network_(std::move(network)),
      n_(n),
      cudnn_(stream_),
      samples_(n * kSamplesBytes),
      embeddings_(n * kEmbeddingBytes) {
  if (network_->precision() == Precision::kBf16) {
    plan_layers<BFloat16>();
  } else {
    plan_layers<float>();
  }
  for (DeviceArena::Slice& activations : activations_) {
    activations = arena_.reserve(n * kMaxActivations * weight_bytes(network_->precision()));
  }
  workspace_ = arena_.reserve(workspace_bytes_);
  samples_on_device_ = arena_.reserve(samples_.bytes());
  arena_.allocate();
  std::vector<std::int64_t> example_starts(n);
  for (std::size_t i = 0; i < n; ++i) {
    example_starts[i] = static_cast<std::int64_t>(i) * LogMelSpec::kFirstExampleSamples;
  }
  logmel_.emplace(logmel_method, stream_, arena_.at<float>(samples_on_device_), example_starts);
}

template <class Activation>
void ForwardPass::plan_layers() {
  for (const DeviceLayer& layer : network_->layers()) {
    const auto* const conv = std::get_if<Conv3x3Spec>(&layer.layer->spec);
    if (conv == nullptr) {
      plan_dense(layer);
    } else if (conv->in_channels == 1) {
      plan_conv1<Activation>(layer);
    } else {
      plan_conv<Activation>(layer);
    }
  }
}

template <class Activation>
void ForwardPass::plan_conv1(const DeviceLayer& layer) {
  const auto* const weight = static_cast<const float*>(network_->at(layer.weight));
  const auto* const bias = static_cast<const float*>(network_->at(layer.bias));
  steps_.emplace_back([this, weight, bias](const std::byte* x, std::byte* y) {
    conv1_pool(stream_.get(), reinterpret_cast<Activation*>(y), nullptr,
               reinterpret_cast<const float*>(x), weight, bias, static_cast<std::int64_t>(n_));
  });
}

template <class Activation>
void ForwardPass::plan_conv(const DeviceLayer& layer) {
  const auto& spec = std::get<Conv3x3Spec>(layer.layer->spec);
  auto plan = network_->conv_plan(*layer.layer, n_);
  workspace_bytes_ = std::max(workspace_bytes_, static_cast<std::size_t>(plan->workspace_bytes()));
  void* const weight = network_->at(layer.weight);
  void* const bias = network_->at(layer.bias);
  steps_.emplace_back(
      [this, plan = std::move(plan), weight, bias](const std::byte* x, std::byte* y) {
        const std::array<cudnn::Plan::Binding, 4> tensors{{
            {cudnn::kUidX, const_cast<std::byte*>(x)},
            {cudnn::kUidWeight, weight},
            {cudnn::kUidBias, bias},
            {cudnn::kUidY, y},
        }};
        plan->run(cudnn_.get(), tensors, arena_.at<std::byte>(workspace_));
      });
  if (spec.max_pool) {
    const Pool2x2Shape shape{static_cast<std::int64_t>(n_), static_cast<int>(spec.height),
                             static_cast<int>(spec.width), static_cast<int>(spec.out_channels)};
    steps_.emplace_back([this, shape](const std::byte* x, std::byte* y) {
      maxpool2x2(stream_.get(), reinterpret_cast<Activation*>(y), nullptr,
                 reinterpret_cast<const Activation*>(x), nullptr, shape);
    });
  }
}

void ForwardPass::plan_dense(const DeviceLayer& layer) {
  const auto& spec = std::get<DenseSpec>(layer.layer->spec);
  // The embedding, the last layer's, is fp32.
  const bool bf16_output = network_->precision() == Precision::kBf16 && spec.relu;
  const auto plan = std::make_shared<DensePlan>(network_->cublaslt(),
                                                DenseProduct{.n = n_,
                                                             .inputs = spec.inputs,
                                                             .outputs = spec.outputs,
                                                             .precision = network_->precision(),
                                                             .relu = spec.relu,
                                                             .bf16_output = bf16_output});
  workspace_bytes_ = std::max(workspace_bytes_, plan->workspace_bytes());
  const void* const weight = network_->at(layer.weight);
  void* const bias = network_->at(layer.bias);
  steps_.emplace_back([this, plan, weight, bias](const std::byte* x, std::byte* y) {
    plan->run(stream_.get(), {y, x, weight, bias}, arena_.at<std::byte>(workspace_));
  });
}

void ForwardPass::enqueue() {
  auto* x = arena_.at<std::byte>(activations_[0]);
  auto* y = arena_.at<std::byte>(activations_[1]);
  VGGROOVE_CUDA(cudaMemcpyAsync(arena_.at<std::byte>(samples_on_device_), samples_.data(),
                                samples_.bytes(), cudaMemcpyHostToDevice, stream_.get()));
  logmel_->run(reinterpret_cast<float*>(x));
  for (const Step& step : steps_) {
    step(x, y);
    std::swap(x, y);
  }
  VGGROOVE_CUDA(cudaMemcpyAsync(embeddings_.data(), x, embeddings_.bytes(), cudaMemcpyDeviceToHost,
                                stream_.get()));
}

void ForwardPass::run_sync() {
  const nvtx3::scoped_range range("vggish forward");
  // The first pass is run as it is: libraries load their kernels then, which a capture forbids.
  if (passes_ == 1) {
    graph_ = CudaGraph(stream_, [this] { enqueue(); });
  }
  if (passes_ == 0) {
    enqueue();
  } else {
    graph_.launch(stream_);
  }
  passes_ = std::min(passes_ + 1, 2);
  stream_.synchronize();
}

}  // namespace vggroove::cuda
