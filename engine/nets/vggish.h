#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/device/device.h"
#include "kernels/dsp/logmel.h"
#include "weights/model_file.h"

namespace vggroove {

inline constexpr int kEmbeddingSize = 128;

// What a network takes as an example: [96, 64] log-mels, or the samples [15600] (mono, 16 kHz, full
// scale is [-1, 1)) that they are computed of.
enum class ExampleForm { kLogMel, kSamples };
constexpr std::size_t example_values(ExampleForm form) {
  return form == ExampleForm::kLogMel ? LogMelSpec::kExampleValues
                                      : LogMelSpec::kFirstExampleSamples;
}

struct VggishOptions {
  Precision precision = Precision::kFp32;
  Device device = Device::kAuto;
  CpuPath cpu_path = CpuPath::kOwn;
  LogmelMethod logmel = LogmelMethod::kOwn;  // of cuda and sim
  std::filesystem::path cache_folder;        // for what is found out about a device; empty: none
};

// The network with its weights packed for one device: immutable, shared by all workers.
// The embedding has no activation (vggish/embedding of the current definition).
class Vggish {
 public:
  // Reads the weights piece by piece; peak memory is the packed weights and a few MB.
  // Throws Error where the model holds no network or its shapes differ from the architecture, or
  // cpu cannot do what is asked for, and those of choose_device (engine/backends/plugin_loader.h).
  static std::shared_ptr<const Vggish> load(const weights::ModelFile& model,
                                            const VggishOptions& options);
  virtual ~Vggish() = default;

  // One worker's activations and scratch memory, allocated once (huge pages).
  class Session {
   public:
    virtual ~Session() = default;
    // examples [n, example_values(input_form())] -> embeddings [n, 128]; n <= max_batch. An
    // example's embedding depends on that example alone, bit for bit: not on n, its place in the
    // batch, or its neighbours.
    virtual void embed(const float* examples, std::size_t n, float* embeddings) = 0;
  };
  // cpu takes log-mels, which its own code computes as examples come; cuda and sim take samples.
  virtual ExampleForm input_form() const { return ExampleForm::kLogMel; }
  virtual std::unique_ptr<Session> new_session(std::size_t max_batch) const = 0;

  virtual std::string device_description() const = 0;  // "cpu (AVX-512, 2 cores)"
};

}  // namespace vggroove
