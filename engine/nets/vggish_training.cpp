#include "engine/nets/vggish_training.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/device/out_of_device_memory.h"
#include "engine/nets/vggish_layers.h"

namespace vggroove {
namespace {

Conv3x3Shape shape_of(const Conv3x3Spec& spec, std::size_t n) {
  return {n, spec.height, spec.width, spec.in_channels, spec.out_channels};
}
DenseShape shape_of(const DenseSpec& spec, std::size_t n) {
  return {n, spec.inputs, spec.outputs};
}
MaxPoolShape pool_shape_of(const Conv3x3Spec& spec, std::size_t n) {
  return {n, spec.height, spec.width, spec.out_channels};
}

}  // namespace

std::size_t TrainingNet::input_count() const {
  const auto& first = std::get<Conv3x3Spec>(body.front().spec);
  return first.height * first.width * first.in_channels;
}

std::size_t TrainingNet::embedding_size() const {
  return std::get<DenseSpec>(body.back().spec).outputs;
}

std::vector<TrainingNet::Layer> TrainingNet::layers() const {
  std::vector<Layer> all = body;
  std::size_t inputs = embedding_size();
  if (num_hidden > 0) {
    all.push_back({"head/hidden", DenseSpec{inputs, num_hidden, true}});
    inputs = num_hidden;
  }
  all.push_back({"head/logits", DenseSpec{inputs, num_classes, false}});
  return all;
}

TrainingNet vggish_training_net(std::size_t num_hidden, std::size_t num_classes) {
  TrainingNet net{.body = {}, .num_hidden = num_hidden, .num_classes = num_classes};
  for (const VggishLayer& layer : vggish_layers()) {
    net.body.push_back({"vggish/" + std::string(layer.name), layer.spec});
  }
  return net;
}

template <class Real>
BasicVggishTraining<Real>::BasicVggishTraining(BasicTrainingBackend<Real>& backend,
                                               const TrainingNet& net, std::size_t max_batch)
    : backend_(backend), net_(net), max_batch_(max_batch) {
  const std::vector<TrainingNet::Layer> all = net.layers();
  for (std::size_t i = 0; i < all.size(); ++i) {
    LayerState& state = layers_.emplace_back();
    state.spec = all[i].spec;
    std::size_t weights_count = 0, biases_count = 0;
    if (const auto* const conv = std::get_if<Conv3x3Spec>(&state.spec)) {
      const Conv3x3Shape shape = shape_of(*conv, 1);
      state.relu = true;
      state.pooled = conv->max_pool;
      state.output_count = shape.output_count() / (state.pooled ? 4 : 1);
      weights_count = shape.weights_count();
      biases_count = conv->out_channels;
    } else {
      const auto& dense = std::get<DenseSpec>(state.spec);
      state.relu = state.dropped = dense.relu;
      state.output_count = dense.outputs;
      weights_count = dense.inputs * dense.outputs;
      biases_count = dense.outputs;
    }
    parameters_.push_back({all[i].name + "/weights", i, true, weights_count});
    parameters_.push_back({all[i].name + "/biases", i, false, biases_count});
  }
  for (const TrainingParameter& parameter : parameters_) {
    parameter_memory_.push_back(backend_.allocate(parameter.count * sizeof(Real)));
  }
  const std::size_t d = net.embedding_size();
  dropout_batch_ = backend_.allocate(sizeof(DropoutBatch));
  mean_ = backend_.allocate(d * sizeof(Real));
  scale_ = backend_.allocate(d * sizeof(Real));
  set_standardisation(std::vector<Real>(d, 0), std::vector<Real>(d, 1));
  set_first_trainable_layer(0);
  try {
    allocate_batch();
  } catch (const OutOfDeviceMemory&) {
    if (!halve_max_batch()) {
      throw;
    }
  }
}

template <class Real>
void BasicVggishTraining<Real>::allocate_batch() {
  const auto allocate = [&](std::size_t count) {
    return backend_.allocate(count * backend_.activation_bytes());
  };
  std::size_t largest_gradient = 0;
  for (LayerState& state : layers_) {
    std::size_t sums_count = max_batch_ * state.output_count;
    if (state.pooled) {
      const auto& conv = std::get<Conv3x3Spec>(state.spec);
      sums_count = shape_of(conv, max_batch_).output_count();
      state.sums = allocate(sums_count);
      state.pool_cache =
          backend_.allocate(backend_.maxpool2x2_cache_bytes(pool_shape_of(conv, max_batch_)));
    }
    largest_gradient = std::max(largest_gradient, sums_count);
    state.output = allocate(max_batch_ * state.output_count);
  }
  input_ = allocate(max_batch_ * net_.input_count());
  standardised_ = allocate(max_batch_ * net_.embedding_size());
  targets_ = backend_.allocate(max_batch_ * net_.num_classes * sizeof(Real));
  losses_ = backend_.allocate(max_batch_ * sizeof(Real));
  grad_output_ = allocate(largest_gradient);
  grad_other_ = allocate(largest_gradient);
}

template <class Real>
void BasicVggishTraining<Real>::release_batch() {
  for (LayerState& state : layers_) {
    state.sums = {};
    state.pool_cache = {};
    state.output = {};
  }
  for (DeviceMemory* const memory :
       {&input_, &standardised_, &targets_, &losses_, &grad_output_, &grad_other_}) {
    *memory = {};
  }
  batch_ = 0;
  sequences_.clear();
}

template <class Real>
bool BasicVggishTraining<Real>::halve_max_batch() {
  while (max_batch_ > 1) {
    release_batch();
    max_batch_ /= 2;
    try {
      allocate_batch();
      return true;
    } catch (const OutOfDeviceMemory&) {
      if (max_batch_ == 1) {
        throw;
      }
    }
  }
  return false;
}

template <class Real>
void BasicVggishTraining<Real>::set_first_trainable_layer(std::size_t layer) {
  if (layer >= layers_.size()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("training from layer {} of {}", layer, layers_.size()));
  }
  first_trainable_ = layer;
  gradient_memory_.resize(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!is_trainable(i)) {
      gradient_memory_[i] = {};
    } else if (gradient_memory_[i].bytes() == 0) {
      gradient_memory_[i] = backend_.allocate(parameters_[i].count * sizeof(Real));
    }
  }
}

template <class Real>
void BasicVggishTraining<Real>::to_device(std::size_t index, Real* device,
                                          std::span<const Real> host) {
  const auto& spec = layers_[parameters_[index].layer].spec;
  if (!parameters_[index].is_weights) {
    backend_.to_device(device, host.data(), host.size_bytes());
  } else if (const auto* const conv = std::get_if<Conv3x3Spec>(&spec)) {
    backend_.conv3x3_weights_to_device(device, host.data(), shape_of(*conv, 1));
  } else {
    backend_.dense_weights_to_device(device, host.data(), shape_of(std::get<DenseSpec>(spec), 1));
  }
}

template <class Real>
void BasicVggishTraining<Real>::to_host(std::size_t index, std::span<Real> host,
                                        const Real* device) {
  const auto& spec = layers_[parameters_[index].layer].spec;
  if (!parameters_[index].is_weights) {
    backend_.to_host_sync(host.data(), device, host.size_bytes());
  } else if (const auto* const conv = std::get_if<Conv3x3Spec>(&spec)) {
    backend_.conv3x3_weights_to_host_sync(host.data(), device, shape_of(*conv, 1));
  } else {
    backend_.dense_weights_to_host_sync(host.data(), device,
                                        shape_of(std::get<DenseSpec>(spec), 1));
  }
}

template <class Real>
void BasicVggishTraining<Real>::set_standardisation(std::span<const Real> mean,
                                                    std::span<const Real> scale) {
  backend_.to_device(mean_.as<Real>(), mean.data(), mean.size_bytes());
  backend_.to_device(scale_.as<Real>(), scale.data(), scale.size_bytes());
}

template <class Real>
const void* BasicVggishTraining<Real>::input_of(std::size_t layer) const {
  if (layer == 0) {
    return input_.as<void>();
  }
  return layer == net_.body.size() ? standardised_.as<void>()
                                   : layers_[layer - 1].output.template as<void>();
}

// Of the layer's outputs, or of their gradients.
template <class Real>
void BasicVggishTraining<Real>::drop(void* values, std::size_t layer) {
  const LayerState& state = layers_[layer];
  if (state.dropped && dropout_.rate > 0) {
    backend_.dropout(values, dropout_batch_.as<DropoutBatch>(), batch_ * state.output_count,
                     {.drop_probability = dropout_.rate,
                      .seed_offset = static_cast<std::uint64_t>(layer) << 56,
                      .example_values = static_cast<std::int64_t>(state.output_count)});
  }
}

template <class Real>
void BasicVggishTraining<Real>::repeat(const char* name, GradientMode mode,
                                       const std::function<void()>& calls) {
  backend_.repeat(name, sequences_[{name, mode, batch_, first_trainable_, dropout_.rate}], calls);
}

template <class Real>
void BasicVggishTraining<Real>::forward_layers() {
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    if (layer == net_.body.size()) {
      backend_.standardise(standardised_.as<void>(), layers_[layer - 1].output.template as<void>(),
                           mean_.as<Real>(), scale_.as<Real>(), batch_, net_.embedding_size());
    }
    forward_layer(layer, input_of(layer));
  }
}

template <class Real>
void BasicVggishTraining<Real>::forward_layer(std::size_t layer, const void* x) {
  LayerState& state = layers_[layer];
  const Real* const weights = parameter(2 * layer);
  const Real* const biases = parameter(2 * layer + 1);
  void* const y = state.output.template as<void>();
  if (const auto* const conv = std::get_if<Conv3x3Spec>(&state.spec)) {
    void* const sums = state.pooled ? state.sums.template as<void>() : y;
    backend_.conv3x3(sums, x, weights, biases, shape_of(*conv, batch_));
    if (state.pooled) {
      backend_.maxpool2x2(y, state.pool_cache.template as<void>(), sums,
                          pool_shape_of(*conv, batch_));
    }
  } else {
    const auto& dense = std::get<DenseSpec>(state.spec);
    backend_.dense(y, x, weights, biases, dense.relu, shape_of(dense, batch_));
  }
  drop(y, layer);
}

// grad_output_ is the gradient of what the layer gave (before its ReLU where it has one and does
// not pool); afterwards that of the layer before.
template <class Real>
void BasicVggishTraining<Real>::backward_layer(std::size_t layer, GradientMode mode) {
  const LayerState& state = layers_[layer];
  if (const auto* const conv = std::get_if<Conv3x3Spec>(&state.spec); conv && state.pooled) {
    backend_.maxpool2x2_bwd(grad_other_.as<void>(), grad_output_.as<void>(),
                            state.pool_cache.template as<void>(), pool_shape_of(*conv, batch_));
    std::swap(grad_output_, grad_other_);
  }
  const void* const x = input_of(layer);
  const Real* const weights = parameter(2 * layer);
  void* const grad_y = grad_output_.as<void>();
  void* const grad_x = grad_other_.as<void>();
  const bool wants_grad_x = layer > first_trainable_;
  // The ReLU before this layer; behind a pool, maxpool2x2_bwd sees to it.
  const bool x_is_relu = layer > 0 && layer != net_.body.size() && layers_[layer - 1].relu &&
                         !layers_[layer - 1].pooled;
  if (const auto* const conv = std::get_if<Conv3x3Spec>(&state.spec)) {
    const Conv3x3Shape shape = shape_of(*conv, batch_);
    backend_.conv3x3_wgrad(gradient(2 * layer), gradient(2 * layer + 1), grad_y, x, mode, shape);
    if (wants_grad_x) {
      backend_.conv3x3_dgrad(grad_x, grad_y, weights, x, x_is_relu, shape);
    }
  } else {
    const DenseShape shape = shape_of(std::get<DenseSpec>(state.spec), batch_);
    backend_.dense_wgrad(gradient(2 * layer), gradient(2 * layer + 1), grad_y, x, mode, shape);
    if (wants_grad_x) {
      backend_.dense_dgrad(grad_x, grad_y, weights, x, x_is_relu, shape);
    }
  }
  if (!wants_grad_x) {
    return;
  }
  std::swap(grad_output_, grad_other_);
  if (layer == net_.body.size()) {
    backend_.standardise_bwd(grad_other_.as<void>(), grad_output_.as<void>(), scale_.as<Real>(),
                             batch_, net_.embedding_size());
    std::swap(grad_output_, grad_other_);
  }
  drop(grad_output_.as<void>(), layer - 1);
}

template <class Real>
void BasicVggishTraining<Real>::forward(std::span<const Real> logmel, std::size_t n,
                                        const Dropout& dropout, std::span<Real> logits) {
  if (n == 0 || n > max_batch_) {
    throw Error(ErrorClass::kUsage,
                fmt::format("a batch of {} examples for a network of at most {}", n, max_batch_));
  }
  batch_ = n;
  dropout_ = dropout;
  backend_.activations_to_device(input_.as<void>(), logmel.data(), logmel.size());
  const DropoutBatch place{dropout.seed, static_cast<std::int64_t>(dropout.first_example)};
  backend_.to_device(dropout_batch_.as<void>(), &place, sizeof place);
  repeat("forward", GradientMode::kOverwrite, [this] { forward_layers(); });
  backend_.activations_to_host_sync(logits.data(), layers_.back().output.template as<void>(),
                                    logits.size());
}

template <class Real>
void BasicVggishTraining<Real>::read_embeddings(std::span<Real> embeddings) {
  const LayerState& last = layers_[net_.body.size() - 1];
  backend_.activations_to_host_sync(embeddings.data(), last.output.template as<void>(),
                                    embeddings.size());
}

template <class Real>
void BasicVggishTraining<Real>::backward(std::span<const Real> targets, GradientMode mode,
                                         std::span<Real> losses) {
  backend_.to_device(targets_.as<Real>(), targets.data(), targets.size_bytes());
  repeat("backward", mode, [this, mode] {
    backend_.softmax_cross_entropy(losses_.as<Real>(), grad_output_.as<void>(),
                                   layers_.back().output.template as<void>(), targets_.as<Real>(),
                                   batch_, net_.num_classes);
    for (std::size_t layer = layers_.size(); layer-- > first_trainable_;) {
      backward_layer(layer, mode);
    }
  });
  backend_.to_host_sync(losses.data(), losses_.as<Real>(), losses.size_bytes());
}

template class BasicVggishTraining<float>;
template class BasicVggishTraining<double>;

}  // namespace vggroove
