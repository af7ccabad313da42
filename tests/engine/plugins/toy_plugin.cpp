// A plugin without any device behind it: shows what crosses the border between program and plugin.
#include <algorithm>
#include <span>

#include "base/error.h"
#include "engine/backends/plugin.h"
#include "engine/backends/plugin_build.h"
#include "engine/device/out_of_device_memory.h"
#include "kernels/dsp/logmel.h"

#ifndef VGGROOVE_TOY_CONTRACT
#define VGGROOVE_TOY_CONTRACT kPluginContract
#endif
#ifndef VGGROOVE_TOY_BUILD
#define VGGROOVE_TOY_BUILD kPluginBuild
#endif

namespace vggroove {
namespace {

// An embedding is its example's first value, 128 times.
class ToyVggish : public Vggish {
 public:
  class ToySession : public Session {
   public:
    void embed(const float* logmel, std::size_t n, float* embeddings) override {
      for (std::size_t i = 0; i < n; ++i) {
        std::fill_n(embeddings + i * kEmbeddingSize, kEmbeddingSize,
                    logmel[i * LogMelSpec::kExampleValues]);
      }
    }
  };
  std::unique_ptr<Session> new_session(std::size_t) const override {
    return std::make_unique<ToySession>();
  }
  std::string device_description() const override { return "a toy"; }
};

class ToyPlugin : public Plugin {
 public:
  std::shared_ptr<const Vggish> load_vggish(const TensorReader& tensors,
                                            const VggishOptions& options) const override {
    if (options.precision == Precision::kTf32) {
      throw Error(ErrorClass::kUnsupported, "a toy has no tf32");
    }
    float bias = 0;
    tensors("vggish/fc2/biases", 0, {&bias, 1});
    return std::make_shared<ToyVggish>();
  }
  std::unique_ptr<TrainingBackend> new_training(Precision, const std::filesystem::path&,
                                                Communicator&) const override {
    throw OutOfDeviceMemory("a toy has no memory");
  }
  std::unique_ptr<HeadTrainingBackend> new_head_training(Precision) const override {
    throw OutOfDeviceMemory("a toy has no memory");
  }
};

}  // namespace
}  // namespace vggroove

extern "C" const vggroove::PluginEntry* vggroove_plugin_entry() {
  using namespace vggroove;
  static const ToyPlugin plugin;
  static const PluginEntry entry{VGGROOVE_TOY_CONTRACT, VGGROOVE_TOY_BUILD, &plugin};
  return &entry;
}
