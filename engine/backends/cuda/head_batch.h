#pragma once

#include <optional>
#include <vector>

#include "engine/backends/cuda/head_training.h"
#include "kernels/nn/head_batch.h"
#include "kernels/optim/adamw.h"

namespace vggroove::cuda {

// Where the parameters of a head lie among `count` floats. Each layer's biases are the last row of
// its weights, for the matrices of activations end in ones (kernels/nn/head_batch.h); all else are
// zeros, and stay so.
struct HeadLayout {
  explicit HeadLayout(const HeadShape& shape);

  HeadShape shape;
  std::size_t input_width, hidden_width;  // of a row of inputs; of hidden units, or of inputs
  std::size_t logits_offset, count;       // of the last layer; of all

  // From and to the parameters [num_parameters()] one after the other.
  void spread(std::span<const float> flat, float* padded) const;
  std::vector<float> gather(const float* padded) const;
  // [count]: 1 at weights, 0 at biases and between
  std::vector<float> decays() const;

 private:
  // Calls visit(place in flat, place in padded, number, whether these are weights) for each row of
  // each layer.
  template <class Visit>
  void for_each_row(Visit visit) const;
};

class CudaHeadBatch : public HeadBatch {
 public:
  CudaHeadBatch(CudaHeadTraining& device, const HeadShape& shape, std::size_t batch_size,
                std::span<const Head> heads);
  ~CudaHeadBatch() override;

  std::size_t size() const override { return settings_.size(); }
  std::vector<double> train_epoch(std::span<const Epoch> epochs) override;
  std::vector<std::vector<float>> logits_sync(std::span<const Rows> rows) override;
  std::vector<float> parameters_sync(std::size_t head) override;
  void keep(std::span<const std::size_t> heads) override;

 private:
  struct Settings {
    double learning_rate, weight_decay;
    HeadBatchStep step;  // but for its place in the stream of dropout
  };

  HeadBatchShape matrices(std::size_t columns) const;
  void find_plans();
  // index [steps, heads, rows] of `rows` on the device, ends of heads' rows filled with -1.
  std::size_t upload_index(std::span<const Rows> rows);
  // What the kernels read in each step of the epoch.
  void upload_steps(std::span<const Epoch> epochs, std::size_t num_steps);
  // The logits of a step's rows; null: without dropout.
  void forward(std::size_t step, float* logits, const HeadBatchStep* steps);
  void backward(const HeadBatchStep* steps);
  void run(const std::optional<DensePlan>& plan, void* result, const void* left,
           const void* right) const;

  CudaHeadTraining& device_;
  const HeadLayout layout_;
  const std::size_t batch_size_;
  const std::size_t rows_;  // batch_size_, or more: a multiple of 4 keeps all matrices aligned
  std::vector<Settings> settings_;
  std::vector<std::int64_t> num_steps_;  // of each head so far

  // [heads, layout_.count]
  DeviceBuffer parameters_, first_moments_, second_moments_, gradients_;
  DeviceBuffer standardisation_;  // [heads, 2, D]
  DeviceBuffer decays_;           // [layout_.count]
  // Of a step: [heads, rows, ...]
  DeviceBuffer inputs_, hidden_, grad_hidden_, logits_, targets_, losses_, loss_sums_;
  // Of an epoch; grow with the longest one.
  DeviceBuffer index_, head_steps_, adamw_steps_, all_logits_;
  std::optional<DensePlan> hidden_fprop_, logits_fprop_, hidden_dgrad_, hidden_wgrad_,
      logits_wgrad_;
  DeviceBuffer workspace_;
};

}  // namespace vggroove::cuda
