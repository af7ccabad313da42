#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "engine/backends/backend.h"
#include "engine/backends/training_backend.h"

namespace vggroove {

// The architecture to train: a body of convolutions (the first one takes one channel) and dense
// layers, of which the last gives the embedding, and a head: standardise -> [dense + ReLU] ->
// dense.
struct TrainingNet {
  struct Layer {
    std::string name;  // "vggish/conv1": its tensors are <name>/weights and <name>/biases
    std::variant<Conv3x3Spec, DenseSpec> spec;
  };
  std::vector<Layer> body;
  std::size_t num_hidden = 0;  // units of the head's hidden layer; 0: none
  std::size_t num_classes = 0;

  std::size_t input_count() const;     // values of an example
  std::size_t embedding_size() const;  // outputs of the body's last layer
  // Body and head as one list: the head's layers are "head/hidden" and "head/logits".
  std::vector<Layer> layers() const;
};

// VGGish and a head.
TrainingNet vggish_training_net(std::size_t num_hidden, std::size_t num_classes);

// Two weight tensors per layer, in the order of layers(): weights, then biases.
struct TrainingParameter {
  std::string name;       // "vggish/conv1/weights"
  std::size_t layer = 0;  // in layers()
  bool is_weights = false;
  std::size_t count = 0;
};

// What dropout drops in a pass: `rate` of the units after every dense layer with a ReLU. The seed
// must differ from pass to pass. Where a batch is computed in parts, `first_example` is the part's
// place in it: the parts drop what the whole batch would.
struct Dropout {
  double rate = 0;  // 0: none
  std::uint64_t seed = 0;
  std::size_t first_example = 0;
};

// A network in training on one device: parameters, gradients, activations of a batch; forward and
// backward, both written by hand against the operations of a backend. Layers below
// first_trainable_layer() are only computed forward.
template <class Real>
class BasicVggishTraining {
 public:
  // The backend must outlive this. Parameters are zero, the standardisation does nothing. Where the
  // device lacks memory for max_batch examples, half as many are taken, down to one.
  // Throws Error: kUsage (a shape that the backend cannot compute), kIo or OutOfDeviceMemory (not
  // even memory for one example).
  BasicVggishTraining(BasicTrainingBackend<Real>& backend, const TrainingNet& net,
                      std::size_t max_batch);

  const TrainingNet& net() const { return net_; }
  std::size_t max_batch() const { return max_batch_; }
  // Gives half of the activations' memory back; the last forward pass is forgotten. False: it was
  // one example already.
  bool halve_max_batch();
  std::span<const TrainingParameter> parameters() const { return parameters_; }

  // Device memory of a parameter and of its gradient, `count` values in the backend's layout.
  Real* parameter(std::size_t index) { return parameter_memory_[index].template as<Real>(); }
  Real* gradient(std::size_t index) { return gradient_memory_[index].template as<Real>(); }
  // Between canonical order on the host and a parameter's layout on the device; `device` is the
  // parameter, its gradient, or a moment of the optimiser.
  void to_device(std::size_t index, Real* device, std::span<const Real> host);
  void to_host(std::size_t index, std::span<Real> host, const Real* device);

  // mean and scale [embedding_size()] of what the head sees; constants of the training.
  void set_standardisation(std::span<const Real> mean, std::span<const Real> scale);

  // Layers from here on are trained: they have gradients. 0 .. number of layers - 1.
  void set_first_trainable_layer(std::size_t layer);
  std::size_t first_trainable_layer() const { return first_trainable_; }
  bool is_trainable(std::size_t parameter) const {
    return parameters_[parameter].layer >= first_trainable_;
  }

  // logmel [n, h, w] -> logits [n, num_classes], both on the host; n <= max_batch. Keeps what the
  // backward pass needs.
  void forward(std::span<const Real> logmel, std::size_t n, const Dropout& dropout,
               std::span<Real> logits);
  // embeddings [n, embedding_size()] of the last forward pass
  void read_embeddings(std::span<Real> embeddings);
  // Of the last forward pass: losses [n] (on the host) for targets [n, num_classes] as the
  // backend's softmax_cross_entropy takes them, and the gradients of their sum.
  void backward(std::span<const Real> targets, GradientMode mode, std::span<Real> losses);

 private:
  struct LayerState {
    std::variant<Conv3x3Spec, DenseSpec> spec;
    bool relu = false, pooled = false, dropped = false;
    std::size_t output_count = 0;  // of an example, after pooling
    DeviceMemory sums;             // before pooling; empty where nothing is pooled
    DeviceMemory pool_cache, output;
  };

  void allocate_batch();
  void release_batch();
  void forward_layers();
  void forward_layer(std::size_t layer, const void* x);
  void backward_layer(std::size_t layer, GradientMode mode);
  const void* input_of(std::size_t layer) const;
  void drop(void* values, std::size_t layer);
  void repeat(const char* name, GradientMode mode, const std::function<void()>& calls);

  BasicTrainingBackend<Real>& backend_;
  TrainingNet net_;
  std::size_t max_batch_;
  std::vector<TrainingParameter> parameters_;
  std::vector<DeviceMemory> parameter_memory_, gradient_memory_;
  std::vector<LayerState> layers_;
  DeviceMemory input_, standardised_, mean_, scale_, targets_, losses_;
  DeviceMemory dropout_batch_;
  DeviceMemory grad_output_, grad_other_;  // of the layer at hand; they change places
  std::size_t first_trainable_ = 0;
  std::size_t batch_ = 0;  // of the last forward pass
  Dropout dropout_;
  // Of forward and backward passes, by everything that decides on their calls.
  std::map<std::tuple<std::string, GradientMode, std::size_t, std::size_t, double>,
           std::unique_ptr<CallSequence>>
      sequences_;
};

using VggishTraining = BasicVggishTraining<float>;

}  // namespace vggroove
