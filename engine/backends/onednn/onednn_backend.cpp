#include "engine/backends/onednn/onednn_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "engine/device/cpu_info.h"
#include "engine/device/huge_buffer.h"

// <omp.h> belongs to a compiler, and oneDNN's runtime is GCC's whichever compiler builds this.
extern "C" void omp_set_num_threads(int num_threads);

namespace vggroove::onednn {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using DataType = memory::data_type;
using Tag = memory::format_tag;

constexpr std::size_t kChunk = 16;
constexpr std::size_t kAlignment = 64;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

DataType data_type(Precision precision) {
  return precision == Precision::kFp32 ? DataType::f32 : DataType::bf16;
}

std::int64_t extent(std::size_t size) {
  return static_cast<std::int64_t>(size);
}

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

dnnl::primitive_attr attributes(bool relu) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (relu) {
    dnnl::post_ops post_ops;
    post_ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attr.set_post_ops(post_ops);
  }
  return attr;
}

// Steps over a fixed number of examples, from `source` to `destination`; what lies between two
// steps, and their scratchpads, lie in the session's scratch memory.
class PrimitiveLayer : public Layer {
 public:
  std::size_t input_bytes() const override { return source_.get_size() / kChunk; }
  std::size_t output_bytes() const override { return destination_.get_size() / kChunk; }
  std::size_t chunk() const override { return kChunk; }
  std::size_t scratch_bytes(std::size_t) const override { return scratch_bytes_; }

  void forward(const std::byte* input, std::size_t n, std::byte* output,
               std::byte* scratch) const override {
    omp_set_num_threads(1);  // of the calling thread; every worker has a core of its own
    std::byte* source = const_cast<std::byte*>(input);  // oneDNN's handles are never const
    std::byte* destination = output;
    if (n < kChunk) {
      source = scratch;
      destination = scratch + aligned(source_.get_size());
      std::memcpy(source, input, n * input_bytes());
      std::memset(source + n * input_bytes(), 0, (kChunk - n) * input_bytes());
    }
    dnnl::stream stream(cpu_engine());
    for (const Step& step : steps_) {
      std::unordered_map<int, memory> arguments = step.constants;
      for (const auto& [argument, place] : step.places) {
        std::byte* const at = place.buffer == Buffer::kSource        ? source
                              : place.buffer == Buffer::kDestination ? destination
                                                                     : scratch + place.offset;
        arguments.emplace(argument, memory(place.desc, cpu_engine(), at));
      }
      step.primitive.execute(stream, arguments);
    }
    stream.wait();
    if (n < kChunk) {
      std::memcpy(output, destination, n * output_bytes());
    }
  }

 protected:
  enum class Buffer { kSource, kDestination, kScratch };
  struct Place {
    memory::desc desc;
    Buffer buffer;
    std::size_t offset = 0;  // in scratch
  };
  struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> constants;
    std::unordered_map<int, Place> places;
  };

  PrimitiveLayer(const memory::desc& source, const memory::desc& destination)
      : source_(source), destination_(destination) {
    scratch_bytes_ = aligned(source_.get_size()) + aligned(destination_.get_size());
  }

  Place in_scratch(const memory::desc& desc) {
    const std::size_t offset = scratch_bytes_;
    scratch_bytes_ += aligned(desc.get_size());
    return {desc, Buffer::kScratch, offset};
  }
  memory constant(const memory::desc& desc) {
    return memory(desc, cpu_engine(), constants_.emplace_back(desc.get_size()).data());
  }

  memory::desc source_, destination_;
  std::vector<Step> steps_;

 private:
  std::vector<HugeBuffer> constants_;
  std::size_t scratch_bytes_;
};

class Conv : public PrimitiveLayer {
 public:
  Conv(Precision precision, const Conv3x3Spec& spec, const WeightReader& weights,
       const WeightReader& biases)
      : PrimitiveLayer(source_desc(precision, spec), destination_desc(precision, spec)) {
    const std::int64_t in = extent(spec.in_channels), out = extent(spec.out_channels);
    const Dims unpooled{kChunk, out, extent(spec.height), extent(spec.width)};
    // oneDNN has no bf16 for one input channel that beats its fp32 there.
    const DataType type = source_.data_type();
    const dnnl::convolution_forward::primitive_desc conv(
        dnnl::convolution_forward::desc(
            dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source_,
            memory::desc({out, in, 3, 3}, type, Tag::any),
            memory::desc({out}, DataType::f32, Tag::a), memory::desc(unpooled, type, Tag::any),
            {1, 1}, {1, 1}, {1, 1}),
        attributes(/*relu=*/true), cpu_engine());

    const memory packed = constant(conv.weights_desc());
    const memory bias = constant(conv.bias_desc());
    std::vector<float> values(9 * spec.in_channels * spec.out_channels);
    weights(0, values);
    memory plain({{out, in, 3, 3}, DataType::f32, Tag::hwio}, cpu_engine(), values.data());
    omp_set_num_threads(1);
    dnnl::stream stream(cpu_engine());
    dnnl::reorder(plain, packed).execute(stream, plain, const_cast<memory&>(packed));
    stream.wait();
    biases(0, {static_cast<float*>(bias.get_data_handle()), spec.out_channels});

    Place result = in_scratch(conv.dst_desc());
    steps_.push_back({dnnl::convolution_forward(conv),
                      {{DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_BIAS, bias}},
                      {{DNNL_ARG_SRC, {source_, Buffer::kSource}},
                       {DNNL_ARG_DST, result},
                       {DNNL_ARG_SCRATCHPAD, in_scratch(conv.scratchpad_desc())}}});
    if (spec.max_pool) {
      const Dims pooled{kChunk, out, extent(spec.height / 2), extent(spec.width / 2)};
      const dnnl::pooling_forward::primitive_desc pool(
          dnnl::pooling_forward::desc(
              dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_max, result.desc,
              memory::desc(pooled, type, Tag::any), {2, 2}, {2, 2}, {0, 0}, {0, 0}),
          attributes(/*relu=*/false), cpu_engine());
      const Place pooled_result = in_scratch(pool.dst_desc());
      steps_.push_back({dnnl::pooling_forward(pool),
                        {},
                        {{DNNL_ARG_SRC, result},
                         {DNNL_ARG_DST, pooled_result},
                         {DNNL_ARG_SCRATCHPAD, in_scratch(pool.scratchpad_desc())}}});
      result = pooled_result;
    }
    if (result.desc == destination_) {
      steps_.back().places.at(DNNL_ARG_DST).buffer = Buffer::kDestination;
    } else {
      const dnnl::reorder::primitive_desc reorder(cpu_engine(), result.desc, cpu_engine(),
                                                  destination_, attributes(/*relu=*/false));
      steps_.push_back({dnnl::reorder(reorder),
                        {},
                        {{DNNL_ARG_FROM, result},
                         {DNNL_ARG_TO, {destination_, Buffer::kDestination}},
                         {DNNL_ARG_SCRATCHPAD, in_scratch(reorder.scratchpad_desc())}}});
    }
  }

 private:
  static memory::desc source_desc(Precision precision, const Conv3x3Spec& spec) {
    const Dims dims{kChunk, extent(spec.in_channels), extent(spec.height), extent(spec.width)};
    // One channel: NHWC and NCHW are the same bytes, but only the latter finds a compiled kernel
    // (2.6 s a batch otherwise). The network's input is fp32.
    return spec.in_channels == 1 ? memory::desc(dims, DataType::f32, Tag::nchw)
                                 : memory::desc(dims, data_type(precision), Tag::nhwc);
  }
  static memory::desc destination_desc(Precision precision, const Conv3x3Spec& spec) {
    const std::size_t shrink = spec.max_pool ? 2 : 1;
    return {{kChunk, extent(spec.out_channels), extent(spec.height / shrink),
             extent(spec.width / shrink)},
            data_type(precision),
            Tag::nhwc};
  }
};

class Dense : public PrimitiveLayer {
 public:
  Dense(Precision precision, const DenseSpec& spec, const WeightReader& weights,
        const WeightReader& biases)
      : PrimitiveLayer({{kChunk, extent(spec.inputs)}, data_type(precision), Tag::ab},
                       // The network ends with the layer without ReLU; its output is fp32.
                       {{kChunk, extent(spec.outputs)},
                        spec.relu ? data_type(precision) : DataType::f32,
                        Tag::ab}) {
    const std::int64_t in = extent(spec.inputs), out = extent(spec.outputs);
    // Weights stay as the model file has them: packed ones would have to lie in memory twice
    // while loading (201 MB more).
    const dnnl::matmul::primitive_desc product(
        dnnl::matmul::desc(source_, memory::desc({in, out}, data_type(precision), Tag::ab),
                           memory::desc({1, out}, DataType::f32, Tag::ab), destination_),
        attributes(spec.relu), cpu_engine());
    const memory stored = constant(product.weights_desc());
    const memory bias = constant(product.bias_desc());
    biases(0, {static_cast<float*>(bias.get_data_handle()), spec.outputs});
    read_weights(precision, spec, weights, static_cast<std::byte*>(stored.get_data_handle()));
    steps_.push_back({dnnl::matmul(product),
                      {{DNNL_ARG_WEIGHTS, stored}, {DNNL_ARG_BIAS, bias}},
                      {{DNNL_ARG_SRC, {source_, Buffer::kSource}},
                       {DNNL_ARG_DST, {destination_, Buffer::kDestination}},
                       {DNNL_ARG_SCRATCHPAD, in_scratch(product.scratchpad_desc())}}});
  }

 private:
  static void read_weights(Precision precision, const DenseSpec& spec, const WeightReader& weights,
                           std::byte* stored) {
    constexpr std::size_t kPieceRows = 64;  // 1 MB of a layer with 4096 outputs
    std::vector<float> piece;
    omp_set_num_threads(1);
    dnnl::stream stream(cpu_engine());
    for (std::size_t row = 0; row < spec.inputs; row += kPieceRows) {
      const std::size_t rows = std::min(kPieceRows, spec.inputs - row);
      piece.resize(rows * spec.outputs);
      weights(extent(row * spec.outputs), piece);
      const Dims dims{extent(rows), extent(spec.outputs)};
      memory from({dims, DataType::f32, Tag::ab}, cpu_engine(), piece.data());
      const memory::desc to_desc(dims, data_type(precision), Tag::ab);
      memory to(to_desc, cpu_engine(), stored + row * (to_desc.get_size() / rows));
      dnnl::reorder(from, to).execute(stream, from, to);
      stream.wait();
    }
  }
};

template <class LayerType, class Spec>
std::unique_ptr<Layer> make(Precision precision, const Spec& spec, const WeightReader& weights,
                            const WeightReader& biases) {
  try {
    return std::make_unique<LayerType>(precision, spec, weights, biases);
  } catch (const dnnl::error& error) {
    throw Error(ErrorClass::kUsage,
                fmt::format("oneDNN cannot compute this network in {} on this processor ({}); "
                            "take fp32 or our own kernels",
                            precision_name(precision), error.what()));
  }
}

}  // namespace

std::unique_ptr<Layer> OneDnnBackend::conv3x3(const Conv3x3Spec& spec, const WeightReader& weights,
                                              const WeightReader& biases) const {
  return make<Conv>(precision_, spec, weights, biases);
}

std::unique_ptr<Layer> OneDnnBackend::dense(const DenseSpec& spec, const WeightReader& weights,
                                            const WeightReader& biases) const {
  return make<Dense>(precision_, spec, weights, biases);
}

std::string OneDnnBackend::description() const {
  const CpuInfo& info = cpu_info();
  return fmt::format("cpu (oneDNN, {} core{})", info.num_cores, info.num_cores == 1 ? "" : "s");
}

}  // namespace vggroove::onednn
