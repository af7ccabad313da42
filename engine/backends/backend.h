#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace vggroove {

// Elements [first, first + out.size()) of one tensor, row-major, as fp32; safe to call from
// several threads. Layers read their weights through it piece by piece.
using WeightReader = std::function<void(std::int64_t first, std::span<float> out)>;

// 3x3 convolution, SAME padding, stride 1, bias, ReLU, then 2x2 max-pool where asked for.
struct Conv3x3Spec {
  std::size_t height = 0, width = 0;  // of the input
  std::size_t in_channels = 0, out_channels = 0;
  bool max_pool = false;
};
// x [n, inputs] * weights [inputs, outputs] + bias, then ReLU where asked for.
struct DenseSpec {
  std::size_t inputs = 0, outputs = 0;
  bool relu = false;
};

// One layer with its weights packed for a device: immutable, shared by all sessions.
// Activations between layers are the backend's own affair, except that examples follow one another
// at a constant distance, that the network's input is [n, h, w, 1] fp32 and its output fp32.
class Layer {
 public:
  virtual ~Layer() = default;
  virtual std::size_t input_bytes() const = 0;  // of one example; multiples of 64
  virtual std::size_t output_bytes() const = 0;
  // Examples per call up to which more are quicker: the network cuts larger batches into chunks.
  virtual std::size_t chunk() const = 0;
  virtual std::size_t scratch_bytes(std::size_t n) const = 0;
  // input n examples -> output n examples, n <= chunk(). Buffers are 64-byte aligned and hold
  // chunk() examples or the session's max_batch, whichever is less. An example's output depends on
  // that example alone, bit for bit.
  virtual void forward(const std::byte* input, std::size_t n, std::byte* output,
                       std::byte* scratch) const = 0;
};

// Makes layers. `weights` is [3, 3, in, out] or [in, out], `biases` [out].
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Layer> conv3x3(const Conv3x3Spec& spec, const WeightReader& weights,
                                         const WeightReader& biases) const = 0;
  virtual std::unique_ptr<Layer> dense(const DenseSpec& spec, const WeightReader& weights,
                                       const WeightReader& biases) const = 0;
  virtual std::string description() const = 0;  // "cpu (AVX-512, 2 cores)"
};

}  // namespace vggroove
