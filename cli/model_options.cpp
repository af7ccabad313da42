#include "cli/model_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "cli/locations.h"
#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/plugin_loader.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

// For embeddings of the released weights in AudioSet form; ten genres.
constexpr const char* kShippedHead = "heads/audioset-genre10.safetensors";

// The options' checks let no other names through.
Device device_named(std::string_view name) {
  for (const Device device : {Device::kCpu, Device::kCuda, Device::kSim}) {
    if (name == device_name(device)) {
      return device;
    }
  }
  return Device::kAuto;
}
Precision precision_named(std::string_view name) {
  for (const Precision precision : {Precision::kTf32, Precision::kBf16}) {
    if (name == precision_name(precision)) {
      return precision;
    }
  }
  return Precision::kFp32;
}

}  // namespace

void add_device_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option(
          "--device", options.device,
          "What computes: cpu, cuda (an NVIDIA GPU), sim (the cuda code on the processor, to "
          "verify it; slow) or auto: cuda where there is a GPU, else cpu (default: auto)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "cpu", "cuda", "sim"}));
  verb.add_option("--precision", options.precision,
                  "bf16, and on cuda tf32, take less time, and are slightly less exact (default: "
                  "fp32)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"fp32", "tf32", "bf16"}));
}

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--model,-m", options.model,
                  "Model file (default: $VGGROOVE_MODEL, else "
                  "~/.local/share/vggroove/vggish.safetensors)")
      ->type_name("FILE");
  add_device_options(verb, options);
  verb.add_option("--logmel", options.logmel,
                  "How cuda and sim compute log-mels from samples: own (one kernel, without a "
                  "library) or cufft (default: own)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"own", "cufft"}));
  verb.add_option("--jobs,-j", options.num_jobs, "Worker threads (default: one per core)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
  verb.add_flag("--verbose,-v", options.verbose, "Say more on stderr");
}

void add_head_option(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--head", options.head,
                  "File with the classifier (default: the model's own, else the one shipped for "
                  "the released weights)")
      ->type_name("FILE");
}

weights::ModelFile open_model(const ModelOptions& options) {
  if (!options.model.empty()) {
    return weights::ModelFile::open(options.model);
  }
  const fs::path path = default_model_path();
  std::error_code unreadable_is_for_open_to_say;
  if (!fs::exists(path, unreadable_is_for_open_to_say) && !unreadable_is_for_open_to_say) {
    throw Error(ErrorClass::kNotFound,
                fmt::format("no model: {} does not exist; get the released weights with `vggroove "
                            "weights fetch vggish`, convert a file that you have with `vggroove "
                            "weights import`, make random ones for a trial with `vggroove weights "
                            "init`, or name a model with --model or $VGGROOVE_MODEL",
                            path.string()));
  }
  return weights::ModelFile::open(path);
}

std::shared_ptr<const Vggish> load_network(const weights::ModelFile& model,
                                           const ModelOptions& options) {
  const DeviceChoice choice = choose_device(device_named(options.device));
  VggishOptions engine_options;
  engine_options.device = choice.device;
  engine_options.precision = precision_named(options.precision);
  engine_options.logmel = options.logmel == "cufft" ? LogmelMethod::kCufft : LogmelMethod::kOwn;
  engine_options.cache_folder = default_cache_folder();
  std::shared_ptr<const Vggish> net = Vggish::load(model, engine_options);
  // Always where a GPU could be expected: a run on the processor takes many times as long.
  if (options.verbose || isatty(STDERR_FILENO) != 0 || !choice.why_not_cuda.empty()) {
    fmt::print(stderr, "vggroove: {} on {}, {}{}\n", model.path().string(),
               net->device_description(), options.precision,
               choice.why_not_cuda.empty() ? "" : "; not on cuda: " + choice.why_not_cuda);
  }
  return net;
}

std::unique_ptr<TrainingBackend> open_training(const ModelOptions& options,
                                               Communicator& processes) {
  const DeviceChoice choice = choose_device(device_named(options.device));
  const Precision precision = precision_named(options.precision);
  std::unique_ptr<TrainingBackend> backend;
  if (choice.device != Device::kCpu) {
    backend = open_plugin(choice.device).new_training(precision, default_cache_folder(), processes);
  } else {
    const unsigned num_threads =
        options.num_jobs > 0 ? static_cast<unsigned>(options.num_jobs) : processes.num_cores();
    backend = std::make_unique<cpu::CpuTraining>(num_threads, precision, processes);
  }
  if (processes.rank() == 0 && (isatty(STDERR_FILENO) != 0 || !choice.why_not_cuda.empty())) {
    fmt::print(stderr, "vggroove: training on {}, {}{}\n", backend->description(),
               options.precision,
               choice.why_not_cuda.empty() ? "" : "; not on cuda: " + choice.why_not_cuda);
  }
  return backend;
}

std::unique_ptr<HeadTrainingBackend> open_head_training(const ModelOptions& options) {
  const DeviceChoice choice = choose_device(device_named(options.device));
  if (choice.device == Device::kCpu) {
    return nullptr;
  }
  std::unique_ptr<HeadTrainingBackend> backend =
      open_plugin(choice.device).new_head_training(precision_named(options.precision));
  if (options.verbose || isatty(STDERR_FILENO) != 0) {
    fmt::print(stderr, "vggroove: training classifiers on {}\n", backend->description());
  }
  return backend;
}

std::vector<float> LoadedHead::inputs(std::span<const float> embeddings) const {
  std::vector<float> values(embeddings.begin(), embeddings.end());
  if (postprocessor) {
    std::vector<std::uint8_t> quantized(values.size());
    postprocessor->quantize(embeddings.data(), values.size() / kEmbeddingSize, quantized.data());
    dequantize(quantized.data(), quantized.size(), values.data());
  }
  return values;
}

LoadedHead load_head(const weights::ModelFile& model, const ModelOptions& options) {
  LoadedHead loaded;
  std::string head_path = options.head;
  if (!head_path.empty()) {
    loaded.head = DenseHead::from_model(weights::ModelFile::open(head_path));
  } else if (model.has_head()) {
    head_path = model.path().string();
    loaded.head = DenseHead::from_model(model);
  } else {
    const bool fits_shipped = model.metadata().origin == "released";
    if (fits_shipped) {
      head_path = find_shipped(kShippedHead).string();
    }
    if (head_path.empty()) {
      throw Error(
          ErrorClass::kUsage,
          fmt::format("{}: the model has no classifier; train one with `vggroove train`, name one "
                      "with --head{}",
                      model.path().string(),
                      fits_shipped
                          ? fmt::format(", or say where the shipped {} is with $VGGROOVE_DATA_DIR",
                                        kShippedHead)
                          : ", or use the released weights (`vggroove weights fetch vggish`), for "
                            "which one is shipped"));
    }
    loaded.head = DenseHead::from_model(weights::ModelFile::open(head_path));
  }
  if (loaded.head.num_inputs != kEmbeddingSize) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: the classifier takes {} inputs, but an embedding has {}; it "
                            "belongs to another network",
                            head_path, loaded.head.num_inputs, kEmbeddingSize));
  }
  if (loaded.head.input_form == "quantized") {
    if (!model.has_postprocess()) {
      throw Error(ErrorClass::kUnsupported,
                  fmt::format("{}: this classifier wants post-processed embeddings, and {} has no "
                              "PCA parameters; add them with `vggroove weights import "
                              "vggish_pca_params.npz --base {} --out NEW_MODEL`",
                              head_path, model.path().string(), model.path().string()));
    }
    loaded.postprocessor = Postprocessor::from_model(model);
  }
  return loaded;
}

}  // namespace vggroove::cli
