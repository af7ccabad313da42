#include "engine/backends/cuda/cuda_vggish.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/device_name.h"
#include "engine/backends/cuda/forward_pass.h"
#include "engine/backends/cuda/network.h"

namespace vggroove::cuda {
namespace {

class CudaSession : public Vggish::Session {
 public:
  CudaSession(const std::shared_ptr<const Network>& network, LogmelMethod logmel, std::size_t chunk,
              std::size_t max_batch)
      : max_batch_(max_batch) {
    for (std::size_t n = chunk; pass_ == nullptr; n /= 2) {
      try {
        pass_ = std::make_unique<ForwardPass>(network, logmel, n);
      } catch (const OutOfDeviceMemory&) {
        if (n == 1) {
          throw;
        }
      }
    }
  }

  void embed(const float* samples, std::size_t n, float* embeddings) override {
    if (n > max_batch_) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{} examples for a session of at most {}", n, max_batch_));
    }
    constexpr std::size_t kIn = example_values(ExampleForm::kSamples), kOut = kEmbeddingSize;
    for (std::size_t done = 0; done < n;) {
      const std::size_t count = std::min(pass_->num_examples(), n - done);
      std::copy_n(samples + done * kIn, count * kIn, pass_->samples());
      std::fill_n(pass_->samples() + count * kIn, (pass_->num_examples() - count) * kIn, 0.0f);
      pass_->run_sync();
      std::copy_n(pass_->embeddings(), count * kOut, embeddings + done * kOut);
      done += count;
    }
  }

 private:
  std::size_t max_batch_;
  std::unique_ptr<ForwardPass> pass_;
};

class CudaVggish : public Vggish {
 public:
  CudaVggish(const TensorReader& tensors, Precision precision, const CudaSettings& settings)
      : description_(describe_device(settings.device_name)),
        chunk_(settings.chunk),
        logmel_(settings.logmel),
        network_(std::make_shared<Network>(
            tensors, precision, cudnn::DeviceProperties::of_device(0), settings.plan_folder)) {}

  ExampleForm input_form() const override { return ExampleForm::kSamples; }
  std::unique_ptr<Session> new_session(std::size_t max_batch) const override {
    if (max_batch == 0) {
      throw Error(ErrorClass::kUsage, "a session needs room for at least one example");
    }
    return std::make_unique<CudaSession>(network_, logmel_, chunk_, max_batch);
  }
  std::string device_description() const override { return description_; }

 private:
  std::string description_;
  std::size_t chunk_;
  LogmelMethod logmel_;
  std::shared_ptr<const Network> network_;
};

}  // namespace

std::shared_ptr<const Vggish> load_cuda_vggish(const TensorReader& tensors, Precision precision,
                                               const CudaSettings& settings) {
  return std::make_shared<CudaVggish>(tensors, precision, settings);
}

}  // namespace vggroove::cuda
