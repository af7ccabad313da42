// Steps of fine-tuning all of VGGish: forward, backward, AdamW.
//   training_bench [--model FILE] [--batch 32] [--threads N] [--seconds 5]
//                  [--precision fp32|bf16] [--layers] [--json]
// Without a model: seeded weights. The classifier begins with zeros, so the first loss is ln 10; it
// and the next two are printed, for bench/peers/train_race.py to compare with PyTorch's. With
// --layers: the time of each operation of a step.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/backends/cpu/cpu_training.h"
#include "engine/device/cpu_info.h"
#include "engine/nets/vggish_training.h"
#include "train/finetune_optimiser.h"
#include "weights/he_init.h"
#include "weights/model_file.h"

namespace {

using namespace vggroove;

constexpr std::size_t kClasses = 10;
constexpr double kLearningRate = 1e-5;

struct Settings {
  std::string model;
  std::size_t batch = 32;
  unsigned threads = 0;
  double seconds = 5;
  std::string precision = "fp32";
  bool layers = false, json = false;

  Precision chosen_precision() const {
    return precision == "bf16" ? Precision::kBf16 : Precision::kFp32;
  }
};

double wall_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void load(VggishTraining& net, const std::string& model) {
  const auto file = model.empty() ? std::nullopt : std::optional(weights::ModelFile::open(model));
  for (std::size_t i = 0; i < weights::vggish_tensors().size(); ++i) {
    std::vector<float> values(net.parameters()[i].count);
    if (file) {
      file->read(net.parameters()[i].name, 0, values);
    } else {
      weights::he_init(1, i, 0, values);
    }
    net.to_device(i, net.parameter(i), values);
  }
}

// The batch of train_race.py.
struct Batch {
  std::vector<float> logmel, targets, logits, losses;
};
Batch make_batch(std::size_t n, std::size_t input_count) {
  Batch batch;
  batch.logmel.resize(n * input_count);
  for (std::size_t i = 0; i < batch.logmel.size(); ++i) {
    batch.logmel[i] = static_cast<float>((31 * i * i + 7919 * i) % 8191) / 1024 - 5;
  }
  batch.targets.resize(n * kClasses);
  for (std::size_t i = 0; i < n; ++i) {
    batch.targets[i * kClasses + i % kClasses] = 1 / static_cast<float>(n);
  }
  batch.logits.resize(n * kClasses);
  batch.losses.resize(n);
  return batch;
}

double process_cpu_s() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The operations of one layer, each repeated for a tenth of a second at least. By the CPU time of
// all threads: what other programs of a shared machine do does not count.
void print_layers(const Settings& settings) {
  cpu::CpuTraining backend(settings.threads, settings.chosen_precision());
  const auto milliseconds = [](const std::function<void()>& run) {
    run();
    int repeats = 0;
    const double start = process_cpu_s();
    do {
      run();
      ++repeats;
    } while (process_cpu_s() - start < 0.1);
    return 1e3 * (process_cpu_s() - start) / repeats;
  };
  fmt::print(
      "layer         forward    dgrad    wgrad  (ms of CPU time; GFLOP/s of the definition)\n");
  for (const TrainingNet::Layer& layer : vggish_training_net(0, kClasses).layers()) {
    const auto* const conv = std::get_if<Conv3x3Spec>(&layer.spec);
    const auto* const dense = std::get_if<DenseSpec>(&layer.spec);
    const std::size_t n = settings.batch;
    const std::size_t x_count =
        n * (conv ? conv->height * conv->width * conv->in_channels : dense->inputs);
    const std::size_t y_count =
        n * (conv ? conv->height * conv->width * conv->out_channels : dense->outputs);
    const std::size_t w_count =
        conv ? 9 * conv->in_channels * conv->out_channels : dense->inputs * dense->outputs;
    const std::size_t out = conv ? conv->out_channels : dense->outputs;
    const auto floats = [&](std::size_t count) { return backend.allocate(count * sizeof(float)); };
    const DeviceMemory x = floats(x_count), y = floats(y_count), w = floats(w_count);
    const DeviceMemory b = floats(out), gx = floats(x_count), gw = floats(w_count),
                       gb = floats(out);
    const auto p = [](const DeviceMemory& memory) { return memory.as<float>(); };
    double forward = 0, dgrad = 0, wgrad = 0, flops = 0;
    if (conv) {
      const Conv3x3Shape shape{n, conv->height, conv->width, conv->in_channels, conv->out_channels};
      flops = 2.0 * 9 * static_cast<double>(shape.output_count() * shape.in_channels);
      forward = milliseconds([&] { backend.conv3x3(p(y), p(x), p(w), p(b), shape); });
      if (conv->in_channels > 1) {
        dgrad = milliseconds([&] { backend.conv3x3_dgrad(p(gx), p(y), p(w), p(x), true, shape); });
      }
      wgrad = milliseconds([&] {
        backend.conv3x3_wgrad(p(gw), p(gb), p(y), p(x), GradientMode::kOverwrite, shape);
      });
    } else {
      const DenseShape shape{n, dense->inputs, dense->outputs};
      flops = 2.0 * static_cast<double>(n * shape.in * shape.out);
      forward = milliseconds([&] { backend.dense(p(y), p(x), p(w), p(b), true, shape); });
      dgrad = milliseconds([&] { backend.dense_dgrad(p(gx), p(y), p(w), p(x), true, shape); });
      wgrad = milliseconds(
          [&] { backend.dense_wgrad(p(gw), p(gb), p(y), p(x), GradientMode::kOverwrite, shape); });
    }
    fmt::print("{:16} {:6.1f}   {:6.1f}   {:6.1f}  {:5.0f} {:5.0f} {:5.0f}\n", layer.name, forward,
               dgrad, wgrad, 1e-6 * flops / forward, dgrad > 0 ? 1e-6 * flops / dgrad : 0,
               1e-6 * flops / wgrad);
    if (conv && conv->max_pool) {
      const MaxPoolShape pool{n, conv->height, conv->width, conv->out_channels};
      const DeviceMemory cache = backend.allocate(backend.maxpool2x2_cache_bytes(pool));
      const DeviceMemory pooled = floats(pool.output_count());
      fmt::print(
          "  pool           {:6.1f}   {:6.1f}\n",
          milliseconds([&] { backend.maxpool2x2(p(pooled), cache.as<void>(), p(y), pool); }),
          milliseconds([&] { backend.maxpool2x2_bwd(p(y), p(pooled), cache.as<void>(), pool); }));
    }
    if (w_count > 10'000'000) {
      const DeviceMemory m = floats(w_count), v = floats(w_count);
      const DeviceMemory step = backend.allocate(sizeof(OptimiserStep));
      backend.optimiser_step_to_device(step.as<void>(), optimiser_step(1e-4, 1));
      fmt::print("  adamw          {:6.1f}\n", milliseconds([&] {
                   backend.adamw(p(w), p(m), p(v), p(gw), nullptr, w_count, step.as<void>(),
                                 {.weight_decay = 0.01});
                 }));
    }
  }
}

int run(const Settings& settings) {
  if (settings.layers) {
    print_layers(settings);
    return 0;
  }
  cpu::CpuTraining backend(settings.threads, settings.chosen_precision());
  VggishTraining net(backend, vggish_training_net(0, kClasses), settings.batch);
  load(net, settings.model);
  FinetuneOptions options;
  FinetuneOptimiser optimiser(backend, net, options, 0);
  Batch batch = make_batch(settings.batch, net.net().input_count());

  std::vector<double> losses;
  double forward_s = 0, backward_s = 0, optimiser_s = 0;
  std::int64_t steps = 0, timed_steps = 0;
  double start = 0;
  while (steps < 3 || wall_s() - start < settings.seconds) {
    const double begin = wall_s();
    net.forward(batch.logmel, settings.batch, {}, batch.logits);
    const double forward_end = wall_s();
    net.backward(batch.targets, GradientMode::kOverwrite, batch.losses);
    const double backward_end = wall_s();
    ++steps;
    optimiser.step(kLearningRate, steps, steps);
    if (steps <= 3) {
      losses.push_back(0);
      for (const float loss : batch.losses) {
        losses.back() += loss;
      }
      start = wall_s();
      continue;
    }
    ++timed_steps;
    forward_s += forward_end - begin;
    backward_s += backward_end - forward_end;
    optimiser_s += wall_s() - backward_end;
  }
  const double elapsed = wall_s() - start;
  if (!(std::abs(losses[0] - std::log(static_cast<double>(kClasses))) < 1e-6)) {
    fmt::print(stderr, "training_bench: the first loss is {}, not ln 10\n", losses[0]);
    return 1;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto steps_done = static_cast<double>(timed_steps);
  const nlohmann::json result = {
      {"device", backend.description()},
      {"batch", settings.batch},
      {"examples_per_s", steps_done * static_cast<double>(settings.batch) / elapsed},
      {"forward_ms", 1e3 * forward_s / steps_done},
      {"backward_ms", 1e3 * backward_s / steps_done},
      {"optimiser_ms", 1e3 * optimiser_s / steps_done},
      {"peak_rss_mb", usage.ru_maxrss / 1024},
      {"losses", losses}};
  fmt::print("{}\n", result.dump(settings.json ? -1 : 2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Steps of fine-tuning VGGish");
  app.add_option("--model", settings.model, "Model file; default: seeded weights");
  app.add_option("--batch", settings.batch, "Examples per step");
  app.add_option("--threads", settings.threads, "Threads; default: one per core");
  app.add_option("--precision", settings.precision, "fp32 or bf16")
      ->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--seconds", settings.seconds, "How long to measure");
  app.add_flag("--layers", settings.layers, "Time each operation instead");
  app.add_flag("--json", settings.json, "One line of JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(settings);
  } catch (const Error& error) {
    fmt::print(stderr, "training_bench: {}\n", error.what());
    return 1;
  }
}
