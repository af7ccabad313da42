#include "engine/nets/vggish.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/onednn/onednn_backend.h"
#include "engine/backends/plugin_loader.h"
#include "engine/device/huge_buffer.h"
#include "engine/nets/vggish_layers.h"
#include "kernels/dsp/logmel.h"

namespace vggroove {
namespace {

using Layers = std::vector<std::unique_ptr<Layer>>;

constexpr std::size_t kInputBytes = LogMelSpec::kExampleValues * sizeof(float);
constexpr std::size_t kOutputBytes = kEmbeddingSize * sizeof(float);

// Each layer has its own chunk: early layers are quickest with one example at a time, whose
// activations stay in L2, dense layers with as many as possible, over which their weights are
// streamed once. So a layer asks its predecessor for the examples of its own chunk, and the
// predecessor works through them in smaller chunks: only the last layers hold the whole batch.
class LayeredSession : public Vggish::Session {
 public:
  LayeredSession(std::shared_ptr<const Layers> layers, std::size_t max_batch)
      : layers_(std::move(layers)), max_batch_(max_batch) {
    std::size_t scratch_bytes = 0;
    for (const std::unique_ptr<Layer>& layer : *layers_) {
      const std::size_t n = std::min(layer->chunk(), max_batch);
      inputs_.emplace_back(n * layer->input_bytes());
      scratch_bytes = std::max(scratch_bytes, layer->scratch_bytes(n));
    }
    output_ = HugeBuffer(max_batch * kOutputBytes);
    scratch_ = HugeBuffer(scratch_bytes);
  }

  void embed(const float* logmel, std::size_t n, float* embeddings) override {
    if (n > max_batch_) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{} examples for a session of at most {}", n, max_batch_));
    }
    logmel_ = reinterpret_cast<const std::byte*>(logmel);
    run(layers_->size(), 0, n, output_.data());
    std::memcpy(embeddings, output_.data(), n * kOutputBytes);
  }

 private:
  // Output of the first `depth` layers for examples [first, first + n) of the batch.
  void run(std::size_t depth, std::size_t first, std::size_t n, std::byte* output) {
    if (depth == 0) {
      std::memcpy(output, logmel_ + first * kInputBytes, n * kInputBytes);
      return;
    }
    const Layer& layer = *(*layers_)[depth - 1];
    std::byte* const input = inputs_[depth - 1].data();
    for (std::size_t done = 0; done < n;) {
      const std::size_t chunk = std::min(layer.chunk(), n - done);
      run(depth - 1, first + done, chunk, input);
      layer.forward(input, chunk, output + done * layer.output_bytes(), scratch_.data());
      done += chunk;
    }
  }

  std::shared_ptr<const Layers> layers_;
  std::size_t max_batch_;
  std::vector<HugeBuffer> inputs_;  // of each layer: one chunk
  HugeBuffer output_;
  HugeBuffer scratch_;  // for one layer at a time
  const std::byte* logmel_ = nullptr;
};

class LayeredVggish : public Vggish {
 public:
  LayeredVggish(const Backend& backend, const TensorReader& tensors)
      : description_(backend.description()) {
    auto layers = std::make_shared<Layers>();
    for (const VggishLayer& layer : vggish_layers()) {
      layers->push_back(make_layer(backend, layer, tensors));
    }
    layers_ = std::move(layers);
  }

  std::unique_ptr<Session> new_session(std::size_t max_batch) const override {
    if (max_batch == 0) {
      throw Error(ErrorClass::kUsage, "a session needs room for at least one example");
    }
    return std::make_unique<LayeredSession>(layers_, max_batch);
  }
  std::string device_description() const override { return description_; }

 private:
  std::shared_ptr<const Layers> layers_;
  std::string description_;
};

}  // namespace

std::shared_ptr<const Vggish> make_vggish(const Backend& backend, const TensorReader& tensors) {
  return std::make_shared<LayeredVggish>(backend, tensors);
}

std::shared_ptr<const Vggish> Vggish::load(const weights::ModelFile& model,
                                           const VggishOptions& options) {
  if (!model.has_network()) {
    throw Error(ErrorClass::kInvalid,
                model.path().string() +
                    ": holds no complete VGGish network, only a head; name a model with a network");
  }
  const TensorReader tensors = [&model](std::string_view name, std::int64_t first,
                                        std::span<float> out) { model.read(name, first, out); };
  const Device device = choose_device(options.device).device;
  if (device != Device::kCpu) {
    return open_plugin(device).load_vggish(tensors, options);
  }
  if (options.logmel != LogmelMethod::kOwn) {
    throw Error(ErrorClass::kUsage, "log-mels through cuFFT are for devices cuda and sim");
  }
  if (options.precision == Precision::kTf32) {
    throw Error(ErrorClass::kUsage,
                "tf32 is a precision of NVIDIA's tensor cores; on cpu choose fp32 or bf16");
  }
  if (options.cpu_path == CpuPath::kOneDnn) {
    return make_vggish(onednn::OneDnnBackend(options.precision), tensors);
  }
  return make_vggish(cpu::CpuBackend(cpu::arithmetic_for(options.precision)), tensors);
}

}  // namespace vggroove
