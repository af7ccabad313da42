#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "engine/nets/vggish_training.h"
#include "train/feature_set.h"
#include "train/finetune_options.h"
#include "train/training_batch.h"

namespace vggroove {

// The scores of an epoch; those of the validation are per clip, NaN without validation clips.
struct FinetuneEpoch {
  int epoch = 0;  // from 1
  double train_loss = 0, train_accuracy = 0;
  double validation_loss = 0, validation_accuracy = 0;
  double learning_rate = 0;  // of its last step
  bool best = false;         // so far: least validation loss; without validation always
};

struct FinetuneProgress {
  int epoch = 0;                                // from 1
  std::size_t examples_done = 0, examples = 0;  // of this epoch
  double loss = 0, accuracy = 0;                // of this epoch so far
};

struct FinetuneCallbacks {
  std::function<void(const FinetuneProgress&)> on_batch;
  // After each epoch, before its checkpoint, with all epochs so far: where the last one is the
  // best, the network is the one to keep.
  std::function<void(const std::vector<FinetuneEpoch>&)> on_epoch;
};

struct FinetuneFiles {
  std::filesystem::path checkpoint;  // written after every epoch; empty: never
  bool resume = false;               // go on from the checkpoint where there is one
};

// The layer from which `name` trains: "head", or a layer's name or its last part ("conv3_1").
// Throws Error(kUsage) naming the layers that there are.
std::size_t find_layer(const TrainingNet& net, const std::string& name);

// Trains `net`, whose parameters and standardisation are set, on the rows of train_clips. The
// clips' rows are examples of the network's input and follow one another without gaps
// (training_batch.h). The same seed gives the same bits on the same device; so does a run that was
// stopped after any epoch, or killed at any moment, and resumed.
// Where the backend is of several processes all call this with the same arguments. Each takes its
// part of every batch and of the validation, the first alone writes the checkpoint, all return the
// same: what one process would, but for the order of sums. An exception in one leaves the others
// waiting: it must abort() them (engine/device/communicator.h). A run may be resumed by another
// number of processes.
// A batch that the network's max_batch(), or the device's memory, does not take is computed in
// parts, the gradients of which add up to the same; net.max_batch() then is what fitted. Returns
// the epochs. Throws Error: kUsage (options, shapes, no clips; a checkpoint of another run),
// kInvalid (a loss that is not finite; processes with different data), kIo, kCorrupt.
std::vector<FinetuneEpoch> finetune(TrainingBackend& backend, VggishTraining& net,
                                    const FeatureSet& logmels,
                                    std::span<const std::size_t> train_clips,
                                    std::span<const std::size_t> validation_clips,
                                    const FinetuneOptions& options, const FinetuneFiles& files,
                                    const FinetuneCallbacks& callbacks);

// Probabilities of the clips' examples [rows of the clips, K], one clip after the other, without
// dropout or augmentation.
std::vector<float> predict_segments(VggishTraining& net, const FeatureSet& logmels,
                                    std::span<const std::size_t> clips);

// From those, the clips' [clips, K]: the mean of each one's examples'.
std::vector<double> clips_of_segments(std::span<const float> segments, const FeatureSet& logmels,
                                      std::span<const std::size_t> clips);

// Both in one.
std::vector<double> predict_clips(VggishTraining& net, const FeatureSet& logmels,
                                  std::span<const std::size_t> clips);

}  // namespace vggroove
