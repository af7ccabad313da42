#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/backends/training_backend.h"
#include "engine/heads/dense_head.h"
#include "engine/heads/head_training_backend.h"
#include "engine/heads/postprocess.h"
#include "engine/nets/vggish.h"
#include "weights/model_file.h"

namespace vggroove::cli {

// What the verbs that run the network let the user choose. Register, parse, then open and load:
//   weights::ModelFile model = open_model(options);
//   std::shared_ptr<const Vggish> net = load_network(model, options);
//   LoadedHead head = load_head(model, options);
struct ModelOptions {
  std::string model;  // empty: default_model_path()
  std::string head;   // empty: the model's own, else the one shipped for the released weights
  std::string device = "auto";
  std::string precision = "fp32";
  std::string logmel = "own";
  int num_jobs = 0;  // 0: one per core
  bool verbose = false;
};

// --device, --precision
void add_device_options(CLI::App& verb, ModelOptions& options);
// --model, --device, --precision, --logmel, --jobs, --verbose
void add_model_options(CLI::App& verb, ModelOptions& options);
// --head
void add_head_option(CLI::App& verb, ModelOptions& options);

// Throws Error(kNotFound) that names the ways to get a model, and ModelFile::open's errors.
weights::ModelFile open_model(const ModelOptions& options);

// Loads the network; says on stderr which device computes (--verbose, on a terminal, or where auto
// had to leave the GPU out). Throws choose_device's errors (engine/backends/plugin_loader.h).
std::shared_ptr<const Vggish> load_network(const weights::ModelFile& model,
                                           const ModelOptions& options);

// The operations of training on the device that the options name; says on stderr which one it is,
// as load_network does. Throws choose_device's errors, and Error(kUnsupported) for a precision that
// the device does not train in. `processes` must outlive it.
std::unique_ptr<TrainingBackend> open_training(const ModelOptions& options,
                                               Communicator& processes = single_process());

// What trains heads on the device that the options name, said on stderr where that is a terminal;
// null: the processor, where it takes seconds. Throws choose_device's errors.
std::unique_ptr<HeadTrainingBackend> open_head_training(const ModelOptions& options);

// A head and what turns the model's embeddings into its inputs.
struct LoadedHead {
  DenseHead head;
  std::optional<Postprocessor> postprocessor;  // of the model, where the head is "quantized"

  // embeddings [n, 128] -> the head's inputs [n, 128]
  std::vector<float> inputs(std::span<const float> embeddings) const;
};

// Throws Error(kUsage) where there is no head to be had, naming the ways to get one, and
// Error(kUnsupported) where the head wants post-processed embeddings that the model cannot give.
LoadedHead load_head(const weights::ModelFile& model, const ModelOptions& options);

}  // namespace vggroove::cli
