// The network: log-mel examples -> embeddings, one worker per thread with its own session.
//   network_bench [--model FILE] [--precision fp32|bf16] [--batch 32] [--threads 1] [--seconds 3]
//                 [--path own|onednn] [--bf16 auto|weights|dot] [--layers] [--json]
// Without a model: seeded weights in memory. Verifies one example against the double-precision
// reference before timing. Reports examples/s of all workers by wall time and of one worker by CPU
// time, and with --layers each layer's share of the fp32 multiply-add peak measured beside it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <barrier>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "bench/support/cpu_time.h"
#include "bench/support/fma_peak.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/layers_ref.h"
#include "engine/backends/onednn/onednn_backend.h"
#include "engine/device/huge_buffer.h"
#include "engine/nets/vggish_layers.h"
#include "kernels/dsp/logmel.h"
#include "weights/he_init.h"
#include "weights/model_file.h"

namespace {

using namespace vggroove;

constexpr std::uint64_t kSeed = 1;

struct Settings {
  std::string model, precision = "fp32", path = "own", bf16 = "auto";
  std::size_t batch = 32;
  unsigned threads = 1;
  double seconds = 3;
  bool layers = false, json = false;

  // Relative L2 error against double precision. The reference of bf16 is fp32's network, so its
  // tolerance bounds the effect of rounding, which depends on the weights.
  double tolerance() const { return precision == "fp32" ? 1e-5 : 5e-2; }
};

double wall_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::unique_ptr<Backend> make_backend(const Settings& settings) {
  const Precision precision = settings.precision == "fp32" ? Precision::kFp32 : Precision::kBf16;
  if (settings.path == "onednn") {
    return std::make_unique<onednn::OneDnnBackend>(precision);
  }
  cpu::Arithmetic arithmetic = cpu::arithmetic_for(precision);
  if (precision == Precision::kBf16 && settings.bf16 != "auto") {
    arithmetic = settings.bf16 == "dot" ? cpu::Arithmetic::kBf16Dot : cpu::Arithmetic::kBf16Weights;
  }
  return std::make_unique<cpu::CpuBackend>(arithmetic);
}

TensorReader seeded_tensors() {
  return [](std::string_view name, std::int64_t first, std::span<float> out) {
    const auto& specs = weights::vggish_tensors();
    std::size_t tensor = 0;
    while (specs[tensor].name != name) {
      ++tensor;
    }
    weights::he_init(kSeed, tensor, first, out);
  };
}

// Values in the range of log-mel spectrograms, smooth in neither direction.
std::vector<float> make_logmel(std::size_t n) {
  std::vector<float> values(n * LogMelSpec::kExampleValues);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>((31 * i * i + 7919 * i) % 8191) / 1024 - 5;
  }
  return values;
}

std::vector<double> read_wide(const TensorReader& tensors, const std::string& name,
                              std::size_t first, std::size_t count) {
  std::vector<float> values(count);
  tensors(name, static_cast<std::int64_t>(first), values);
  return {values.begin(), values.end()};
}

// One example through the network in double precision, direct convolutions.
std::vector<double> reference_embedding(const TensorReader& tensors, const float* logmel) {
  std::vector<double> values(logmel, logmel + LogMelSpec::kExampleValues);
  for (const VggishLayer& layer : vggish_layers()) {
    const std::string scope = "vggish/" + std::string(layer.name);
    if (const auto* const conv = std::get_if<Conv3x3Spec>(&layer.spec)) {
      std::vector<double> output(conv->height * conv->width * conv->out_channels /
                                 (conv->max_pool ? 4 : 1));
      const auto weights =
          read_wide(tensors, scope + "/weights", 0, 9 * conv->in_channels * conv->out_channels);
      const auto biases = read_wide(tensors, scope + "/biases", 0, conv->out_channels);
      conv3x3_ref(*conv, weights.data(), biases.data(), values.data(), 1, output.data());
      values = std::move(output);
      continue;
    }
    // In pieces of the inputs, each adding to the sums so far: the first dense layer's weights
    // would be 0.4 GB of doubles.
    const auto& dense = std::get<DenseSpec>(layer.spec);
    constexpr std::size_t kPieceInputs = 512;
    std::vector<double> sums = read_wide(tensors, scope + "/biases", 0, dense.outputs);
    for (std::size_t first = 0; first < dense.inputs; first += kPieceInputs) {
      const std::size_t inputs = std::min(kPieceInputs, dense.inputs - first);
      const auto weights =
          read_wide(tensors, scope + "/weights", first * dense.outputs, inputs * dense.outputs);
      const std::vector<double> before = sums;
      dense_ref({inputs, dense.outputs, dense.relu && first + inputs == dense.inputs},
                weights.data(), before.data(), values.data() + first, 1, sums.data());
    }
    values = std::move(sums);
  }
  return values;
}

double relative_error(const std::vector<double>& expected, const float* actual) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(difference / norm);
}

struct Throughput {
  double examples_per_s = 0;    // all workers, wall time
  double best_per_cpu_s = 0;    // one worker's quickest batch, CPU time
  double median_per_cpu_s = 0;  // over all batches of all workers
};

Throughput measure(const Vggish& net, const Settings& settings, const std::vector<float>& logmel) {
  std::vector<double> rates(settings.threads);
  std::vector<std::vector<double>> batch_s(settings.threads);
  std::barrier start(static_cast<std::ptrdiff_t>(settings.threads));
  {
    std::vector<std::jthread> workers;
    for (unsigned worker = 0; worker < settings.threads; ++worker) {
      workers.emplace_back([&, worker] {
        const auto session = net.new_session(settings.batch);
        std::vector<float> embeddings(settings.batch * kEmbeddingSize);
        session->embed(logmel.data(), settings.batch, embeddings.data());  // touches its memory
        start.arrive_and_wait();
        const double start_s = wall_s();
        while (batch_s[worker].size() < 3 || wall_s() < start_s + settings.seconds) {
          const double batch_start_s = bench::thread_cpu_s();
          session->embed(logmel.data(), settings.batch, embeddings.data());
          batch_s[worker].push_back(bench::thread_cpu_s() - batch_start_s);
        }
        rates[worker] =
            static_cast<double>(batch_s[worker].size() * settings.batch) / (wall_s() - start_s);
      });
    }
  }
  Throughput result;
  std::vector<double> all;
  for (unsigned worker = 0; worker < settings.threads; ++worker) {
    result.examples_per_s += rates[worker];
    all.insert(all.end(), batch_s[worker].begin(), batch_s[worker].end());
  }
  std::sort(all.begin(), all.end());
  result.best_per_cpu_s = static_cast<double>(settings.batch) / all.front();
  result.median_per_cpu_s = static_cast<double>(settings.batch) / all[all.size() / 2];
  return result;
}

// Each layer alone over a batch, between two measurements of the peak. GFLOP/s count the
// multiply-adds that our Winograd convolutions do, a quarter of the definition's; oneDNN's are
// direct.
nlohmann::json measure_layers(const Backend& backend, const TensorReader& tensors,
                              const Settings& settings) {
  nlohmann::json rows = nlohmann::json::array();
  for (const VggishLayer& spec : vggish_layers()) {
    const std::unique_ptr<Layer> layer = make_layer(backend, spec, tensors);
    const std::size_t chunk = std::min(layer->chunk(), settings.batch);
    HugeBuffer input(settings.batch * layer->input_bytes());
    HugeBuffer output(settings.batch * layer->output_bytes());
    HugeBuffer scratch(layer->scratch_bytes(chunk));
    const auto run = [&] {
      for (std::size_t done = 0; done < settings.batch; done += chunk) {
        layer->forward(input.data() + done * layer->input_bytes(),
                       std::min(chunk, settings.batch - done),
                       output.data() + done * layer->output_bytes(), scratch.data());
      }
    };
    const auto* const conv = std::get_if<Conv3x3Spec>(&spec.spec);
    const bool winograd = settings.path == "own" && conv != nullptr && conv->in_channels > 1;
    const double gflop =
        2e-9 * spec.macs_per_example / (winograd ? 4 : 1) * static_cast<double>(settings.batch);
    run();
    std::vector<double> times_s, shares;
    double used_s = 0;
    while (times_s.size() < 7 || used_s < settings.seconds / 9) {
      const double peak_before = bench::fma_peak_gflops();
      const double start_s = bench::thread_cpu_s();
      run();
      times_s.push_back(bench::thread_cpu_s() - start_s);
      used_s += times_s.back();
      const double peak = (peak_before + bench::fma_peak_gflops()) / 2;
      shares.push_back(gflop / times_s.back() / peak);
    }
    std::sort(times_s.begin(), times_s.end());
    std::sort(shares.begin(), shares.end());
    rows.push_back({{"name", spec.name},
                    {"best_ms", 1e3 * times_s.front()},
                    {"median_ms", 1e3 * times_s[times_s.size() / 2]},
                    {"best_gflops", gflop / times_s.front()},
                    {"median_share_of_peak", shares[shares.size() / 2]}});
  }
  return rows;
}

void print(const nlohmann::json& result) {
  fmt::print("{} {}, batch {}, {} worker(s): {:.1f} examples/s\n",
             result["device"].get<std::string>(), result["precision"].get<std::string>(),
             result["batch"].get<int>(), result["threads"].get<int>(),
             result["examples_per_s"].get<double>());
  fmt::print(
      "one worker by CPU time: best {:.1f}, median {:.1f} examples/s; multiply-add peak {:.0f} "
      "GFLOP/s\n",
      result["best_examples_per_cpu_s"].get<double>(),
      result["median_examples_per_cpu_s"].get<double>(), result["fma_peak_gflops"].get<double>());
  fmt::print("verified: relative L2 error {:.2e}; loaded in {:.2f} s; peak memory {:.0f} MB\n",
             result["relative_l2_error"].get<double>(), result["load_s"].get<double>(),
             result["peak_memory_mb"].get<double>());
  for (const nlohmann::json& row : result["layers"]) {
    fmt::print("  {:<14} best {:8.2f} ms, median {:8.2f} ms, {:6.1f} GFLOP/s, {:3.0f} % of peak\n",
               row["name"].get<std::string>(), row["best_ms"].get<double>(),
               row["median_ms"].get<double>(), row["best_gflops"].get<double>(),
               100 * row["median_share_of_peak"].get<double>());
  }
}

int run(const Settings& settings) {
  std::optional<weights::ModelFile> model;
  TensorReader tensors = seeded_tensors();
  if (!settings.model.empty()) {
    model = weights::ModelFile::open(settings.model);
    tensors = [&model](std::string_view name, std::int64_t first, std::span<float> out) {
      model->read(name, first, out);
    };
  }
  const std::unique_ptr<Backend> backend = make_backend(settings);
  const double load_start_s = wall_s();
  const std::shared_ptr<const Vggish> net = make_vggish(*backend, tensors);
  const double load_s = wall_s() - load_start_s;

  const std::vector<float> logmel = make_logmel(settings.batch);
  std::vector<float> embedding(kEmbeddingSize);
  net->new_session(1)->embed(logmel.data(), 1, embedding.data());
  const double error =
      relative_error(reference_embedding(tensors, logmel.data()), embedding.data());
  if (!(error <= settings.tolerance())) {
    fmt::print(stderr, "network_bench: wrong result: relative L2 error {:.2e}, tolerance {:.2e}\n",
               error, settings.tolerance());
    return 1;
  }

  const Throughput throughput = measure(*net, settings, logmel);
  double peak_gflops = 0;
  for (int i = 0; i < 20; ++i) {
    peak_gflops = std::max(peak_gflops, bench::fma_peak_gflops());
  }
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  nlohmann::json result{{"device", net->device_description()},
                        {"path", settings.path},
                        {"precision", settings.precision},
                        {"batch", settings.batch},
                        {"threads", settings.threads},
                        {"examples_per_s", throughput.examples_per_s},
                        {"best_examples_per_cpu_s", throughput.best_per_cpu_s},
                        {"median_examples_per_cpu_s", throughput.median_per_cpu_s},
                        {"relative_l2_error", error},
                        {"load_s", load_s},
                        {"peak_memory_mb", static_cast<double>(usage.ru_maxrss) / 1024},
                        {"fma_peak_gflops", peak_gflops},
                        {"layers", nlohmann::json::array()}};
  if (settings.layers) {
    result["layers"] = measure_layers(*backend, tensors, settings);
  }
  if (settings.json) {
    fmt::print("{}\n", result.dump());
  } else {
    print(result);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("VGGish on log-mel examples: examples/s, verified", "network_bench");
  app.add_option("--model", settings.model, "model file; seeded weights without one");
  app.add_option("--precision", settings.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--path", settings.path)->check(CLI::IsMember({"own", "onednn"}));
  app.add_option("--bf16", settings.bf16, "arithmetic of our own bf16 kernels")
      ->check(CLI::IsMember({"auto", "weights", "dot"}));
  app.add_option("--batch", settings.batch, "examples per call")->check(CLI::Range(1, 4096));
  app.add_option("--threads", settings.threads, "workers")->check(CLI::Range(1, 1024));
  app.add_option("--seconds", settings.seconds, "to measure")->check(CLI::Range(0.0, 3600.0));
  app.add_flag("--layers", settings.layers, "each layer by itself, too");
  app.add_flag("--json", settings.json);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(settings);
  } catch (const Error& error) {
    fmt::print(stderr, "network_bench: {}\n", error.what());
    return 1;
  }
}
