// A step is: rows gathered, two forward products with ReLU and dropout between them, softmax and
// cross-entropy, three backward products, AdamW; each for all heads at once. An epoch's indices and
// settings go to the device in one copy each, and nothing comes back before its end.
#include "engine/backends/cuda/head_batch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/backends/cuda/check.h"
#include "kernels/common/splitmix64.h"
#include "kernels/nn/pointwise.h"
#include "kernels/nn/softmax_xent.h"

namespace vggroove::cuda {
namespace {

// Of layers among the parameters, so that every layer of every head begins at 256 bytes.
constexpr std::size_t kAlignment = 256 / sizeof(float);

std::size_t width_of(std::size_t values) {
  return static_cast<std::size_t>(head_width(static_cast<int>(values)));
}
std::size_t rounded_up(std::size_t count, std::size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}
DeviceBuffer floats(std::size_t count) {
  return DeviceBuffer(count * sizeof(float));
}
void grow(DeviceBuffer& buffer, std::size_t bytes) {
  if (buffer.bytes() < bytes) {
    buffer = DeviceBuffer();  // before the larger one is there
    buffer = DeviceBuffer(bytes);
  }
}

}  // namespace

HeadLayout::HeadLayout(const HeadShape& of)
    : shape(of),
      input_width(width_of(of.inputs)),
      hidden_width(of.hidden > 0 ? width_of(of.hidden) : input_width),
      logits_offset(of.hidden > 0 ? rounded_up(input_width * hidden_width, kAlignment) : 0),
      count(logits_offset + rounded_up(hidden_width * of.classes, kAlignment)) {}

template <class Visit>
void HeadLayout::for_each_row(Visit visit) const {
  std::size_t flat = 0;
  const auto layer = [&](std::size_t first, std::size_t inputs, std::size_t outputs,
                         std::size_t width) {
    for (std::size_t row = 0; row <= inputs; ++row, flat += outputs) {  // the last: biases
      visit(flat, first + row * width, outputs, row < inputs);
    }
  };
  if (shape.hidden > 0) {
    layer(0, shape.inputs, shape.hidden, hidden_width);
  }
  layer(logits_offset, shape.hidden > 0 ? shape.hidden : shape.inputs, shape.classes,
        shape.classes);
}

void HeadLayout::spread(std::span<const float> flat, float* padded) const {
  for_each_row([&](std::size_t from, std::size_t to, std::size_t number, bool) {
    std::copy_n(flat.data() + from, number, padded + to);
  });
}

std::vector<float> HeadLayout::gather(const float* padded) const {
  std::vector<float> flat(shape.num_parameters());
  for_each_row([&](std::size_t to, std::size_t from, std::size_t number, bool) {
    std::copy_n(padded + from, number, flat.data() + to);
  });
  return flat;
}

std::vector<float> HeadLayout::decays() const {
  std::vector<float> factors(count);
  for_each_row([&](std::size_t, std::size_t at, std::size_t number, bool weights) {
    std::fill_n(factors.data() + at, number, weights ? 1.0F : 0.0F);
  });
  return factors;
}

CudaHeadBatch::CudaHeadBatch(CudaHeadTraining& device, const HeadShape& shape,
                             std::size_t batch_size, std::span<const Head> heads)
    : device_(device),
      layout_(shape),
      batch_size_(batch_size),
      rows_(rounded_up(batch_size, 4)),
      num_steps_(heads.size()) {
  const std::size_t d = shape.inputs, n = heads.size() * rows_;
  std::vector<float> parameters(heads.size() * layout_.count);
  std::vector<float> standardisation;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const Head& head = heads[i];
    if (head.mean.size() != d || head.scale.size() != d ||
        head.parameters.size() != shape.num_parameters()) {
      throw Error(ErrorClass::kUsage, "training: a head is not of the shape of its batch");
    }
    layout_.spread(head.parameters, parameters.data() + i * layout_.count);
    standardisation.insert(standardisation.end(), head.mean.begin(), head.mean.end());
    standardisation.insert(standardisation.end(), head.scale.begin(), head.scale.end());
    const double off = head.label_smoothing / static_cast<double>(shape.classes);
    settings_.push_back(
        {head.learning_rate,
         head.weight_decay,
         {.dropout_state = 0,
          // Exact: a number k of 53 bits is k 2^-53 >= p just where k >= p 2^53.
          .dropout_threshold = static_cast<std::uint64_t>(std::ceil(std::ldexp(head.dropout, 53))),
          .kept = static_cast<float>(1 / (1 - head.dropout)),
          .target_on = static_cast<float>(off + (1 - head.label_smoothing)),
          .target_off = static_cast<float>(off)}});
  }
  for (DeviceBuffer* buffer : {&parameters_, &first_moments_, &second_moments_, &gradients_}) {
    *buffer = floats(parameters.size());
    device_.fill_zero(*buffer);
  }
  standardisation_ = floats(standardisation.size());
  decays_ = floats(layout_.count);
  inputs_ = floats(n * layout_.input_width);
  hidden_ = floats(shape.hidden > 0 ? n * layout_.hidden_width : 0);
  grad_hidden_ = floats(shape.hidden > 0 ? n * layout_.hidden_width : 0);
  logits_ = floats(n * shape.classes);
  targets_ = floats(n * shape.classes);
  losses_ = floats(n);
  loss_sums_ = floats(n);
  device_.to_device(parameters_.data(), parameters.data(), parameters_.bytes());
  device_.to_device(standardisation_.data(), standardisation.data(), standardisation_.bytes());
  device_.to_device(decays_.data(), layout_.decays().data(), decays_.bytes());
  find_plans();
}

CudaHeadBatch::~CudaHeadBatch() {
  cudaStreamSynchronize(device_.stream_.get());  // nothing works on the memory any more
}

HeadBatchShape CudaHeadBatch::matrices(std::size_t columns) const {
  return {static_cast<int>(size()), static_cast<int>(rows_), static_cast<int>(columns)};
}

void CudaHeadBatch::find_plans() {
  using Pass = DenseProduct::Pass;
  std::size_t workspace_bytes = 0;
  const auto find = [&](Pass pass, std::size_t inputs, std::size_t outputs) {
    DensePlan plan(device_.cublaslt_, {.pass = pass,
                                       .n = rows_,
                                       .inputs = inputs,
                                       .outputs = outputs,
                                       .precision = device_.precision_,
                                       .bias = false,
                                       .layers = size(),
                                       .weight_stride = layout_.count});
    workspace_bytes = std::max(workspace_bytes, plan.workspace_bytes());
    return plan;
  };
  const HeadShape& shape = layout_.shape;
  if (shape.hidden > 0) {
    hidden_fprop_ = find(Pass::kFprop, layout_.input_width, layout_.hidden_width);
    hidden_dgrad_ = find(Pass::kDgrad, layout_.hidden_width, shape.classes);
    hidden_wgrad_ = find(Pass::kWgrad, layout_.input_width, layout_.hidden_width);
  }
  logits_fprop_ = find(Pass::kFprop, layout_.hidden_width, shape.classes);
  logits_wgrad_ = find(Pass::kWgrad, layout_.hidden_width, shape.classes);
  grow(workspace_, workspace_bytes);
}

void CudaHeadBatch::run(const std::optional<DensePlan>& plan, void* result, const void* left,
                        const void* right) const {
  plan->run(device_.stream_.get(), {result, left, right, nullptr}, workspace_.data());
}

std::size_t CudaHeadBatch::upload_index(std::span<const Rows> rows) {
  std::size_t longest = 0;
  for (const Rows& of_head : rows) {
    longest = std::max(longest, of_head.size());
  }
  const std::size_t num_steps = (longest + batch_size_ - 1) / batch_size_;
  std::vector<std::int32_t> index(num_steps * size() * rows_, -1);
  for (std::size_t head = 0; head < size(); ++head) {
    for (std::size_t first = 0; first < rows[head].size(); first += batch_size_) {
      const std::size_t step = first / batch_size_;
      std::copy_n(rows[head].data() + first, std::min(batch_size_, rows[head].size() - first),
                  index.data() + (step * size() + head) * rows_);
    }
  }
  grow(index_, index.size() * sizeof(std::int32_t));
  device_.to_device(index_.data(), index.data(), index.size() * sizeof(std::int32_t));
  return num_steps;
}

void CudaHeadBatch::upload_steps(std::span<const Epoch> epochs, std::size_t num_steps) {
  std::vector<HeadBatchStep> head_steps;
  std::vector<AdamwModelStep> adamw_steps;
  for (std::size_t step = 0; step < num_steps; ++step) {
    const std::size_t first = step * batch_size_;
    for (std::size_t head = 0; head < size(); ++head) {
      const Settings& settings = settings_[head];
      head_steps.push_back(settings.step);
      head_steps.back().dropout_state =
          splitmix64_skip(epochs[head].dropout_state, first * layout_.shape.hidden);
      adamw_steps.push_back({.step = {}, .weight_decay = 0, .grad_scale = 0});
      if (const std::size_t n = epochs[head].order.size(); first < n) {
        adamw_steps.back() = {.step = adamw_step({}, settings.learning_rate, ++num_steps_[head]),
                              .weight_decay = static_cast<float>(settings.weight_decay),
                              .grad_scale = static_cast<float>(
                                  1 / static_cast<double>(std::min(batch_size_, n - first)))};
      }
    }
  }
  grow(head_steps_, head_steps.size() * sizeof(HeadBatchStep));
  grow(adamw_steps_, adamw_steps.size() * sizeof(AdamwModelStep));
  device_.to_device(head_steps_.data(), head_steps.data(),
                    head_steps.size() * sizeof(HeadBatchStep));
  device_.to_device(adamw_steps_.data(), adamw_steps.data(),
                    adamw_steps.size() * sizeof(AdamwModelStep));
}

void CudaHeadBatch::forward(std::size_t step, float* logits, const HeadBatchStep* steps) {
  const HeadShape& shape = layout_.shape;
  const Stream stream = device_.stream_.get();
  gather_head_rows(stream, inputs_.as<float>(), device_.table_.as<float>(),
                   index_.as<std::int32_t>() + step * size() * rows_, standardisation_.as<float>(),
                   matrices(shape.inputs));
  const float* features = inputs_.as<float>();
  if (shape.hidden > 0) {
    run(hidden_fprop_, hidden_.data(), features, parameters_.data());
    relu_dropout(stream, hidden_.as<float>(), steps, matrices(shape.hidden));
    features = hidden_.as<float>();
  }
  run(logits_fprop_, logits, features, parameters_.as<float>() + layout_.logits_offset);
}

// logits_ holds their gradient.
void CudaHeadBatch::backward(const HeadBatchStep* steps) {
  const HeadShape& shape = layout_.shape;
  float* const logits_gradient = gradients_.as<float>() + layout_.logits_offset;
  if (shape.hidden == 0) {
    run(logits_wgrad_, logits_gradient, inputs_.data(), logits_.data());
    return;
  }
  run(logits_wgrad_, logits_gradient, hidden_.data(), logits_.data());
  run(hidden_dgrad_, grad_hidden_.data(), logits_.data(),
      parameters_.as<float>() + layout_.logits_offset);
  relu_dropout_bwd(device_.stream_.get(), grad_hidden_.as<float>(), hidden_.as<float>(), steps,
                   matrices(shape.hidden));
  run(hidden_wgrad_, gradients_.data(), inputs_.data(), grad_hidden_.data());
}

std::vector<double> CudaHeadBatch::train_epoch(std::span<const Epoch> epochs) {
  std::vector<Rows> orders;
  for (const Epoch& epoch : epochs) {
    orders.push_back(epoch.order);
  }
  const std::size_t num_steps = upload_index(orders);
  upload_steps(epochs, num_steps);
  const HeadShape& shape = layout_.shape;
  const Stream stream = device_.stream_.get();
  const auto num_losses = static_cast<std::int64_t>(size() * rows_);
  device_.fill_zero(loss_sums_);
  for (std::size_t step = 0; step < num_steps; ++step) {
    const HeadBatchStep* const steps = head_steps_.as<HeadBatchStep>() + step * size();
    forward(step, logits_.as<float>(), steps);
    head_targets(stream, targets_.as<float>(), device_.labels_.as<std::int32_t>(),
                 index_.as<std::int32_t>() + step * size() * rows_, steps, matrices(shape.classes));
    softmax_xent(stream, losses_.as<float>(), logits_.as<float>(), logits_.as<float>(),
                 targets_.as<float>(), {num_losses, static_cast<int>(shape.classes)});
    accumulate(stream, loss_sums_.as<float>(), losses_.as<float>(), num_losses);
    backward(steps);
    adamw_models(stream, parameters_.as<float>(), first_moments_.as<float>(),
                 second_moments_.as<float>(), gradients_.as<float>(), decays_.as<float>(),
                 adamw_steps_.as<AdamwModelStep>() + step * size(),
                 {static_cast<int>(size()), static_cast<std::int64_t>(layout_.count)}, {});
  }
  std::vector<float> sums(size() * rows_);
  device_.to_host_sync(sums.data(), loss_sums_.data(), sums.size() * sizeof(float));
  std::vector<double> losses(size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    losses[i / rows_] += sums[i] / static_cast<double>(epochs[i / rows_].order.size());
  }
  return losses;
}

std::vector<std::vector<float>> CudaHeadBatch::logits_sync(std::span<const Rows> rows) {
  const std::size_t k = layout_.shape.classes, of_step = size() * rows_ * k;
  const std::size_t num_steps = upload_index(rows);
  std::vector<float> padded(num_steps * of_step);
  grow(all_logits_, padded.size() * sizeof(float));
  for (std::size_t step = 0; step < num_steps; ++step) {
    forward(step, logits_.as<float>(), nullptr);
    VGGROOVE_CUDA(cudaMemcpyAsync(all_logits_.as<float>() + step * of_step, logits_.data(),
                                  of_step * sizeof(float), cudaMemcpyDeviceToDevice,
                                  device_.stream_.get()));
  }
  device_.to_host_sync(padded.data(), all_logits_.data(), padded.size() * sizeof(float));
  std::vector<std::vector<float>> logits(size());
  for (std::size_t head = 0; head < size(); ++head) {
    logits[head].resize(rows[head].size() * k);
    for (std::size_t first = 0; first < rows[head].size(); first += batch_size_) {
      std::copy_n(padded.data() + (first / batch_size_) * of_step + head * rows_ * k,
                  std::min(batch_size_, rows[head].size() - first) * k,
                  logits[head].data() + first * k);
    }
  }
  return logits;
}

std::vector<float> CudaHeadBatch::parameters_sync(std::size_t head) {
  std::vector<float> padded(layout_.count);
  device_.to_host_sync(padded.data(), parameters_.as<float>() + head * layout_.count,
                       padded.size() * sizeof(float));
  return layout_.gather(padded.data());
}

void CudaHeadBatch::keep(std::span<const std::size_t> heads) {
  const auto move = [&](const DeviceBuffer& buffer, std::size_t of_head, std::size_t from,
                        std::size_t to) {
    VGGROOVE_CUDA(cudaMemcpyAsync(buffer.as<float>() + to * of_head,
                                  buffer.as<float>() + from * of_head, of_head * sizeof(float),
                                  cudaMemcpyDeviceToDevice, device_.stream_.get()));
  };
  for (std::size_t to = 0; to < heads.size(); ++to) {
    const std::size_t from = heads[to];
    if (from != to) {  // a head further on, which nobody has overwritten yet
      for (const DeviceBuffer* buffer : {&parameters_, &first_moments_, &second_moments_}) {
        move(*buffer, layout_.count, from, to);
      }
      move(standardisation_, 2 * layout_.shape.inputs, from, to);
      settings_[to] = settings_[from];
      num_steps_[to] = num_steps_[from];
    }
  }
  settings_.resize(heads.size());
  num_steps_.resize(heads.size());
  if (!heads.empty()) {
    find_plans();
  }
}

}  // namespace vggroove::cuda
