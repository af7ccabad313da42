#include "train/finetune_checkpoint.h"

#include <fmt/format.h>

#include <bit>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "weights/safetensors.h"

namespace vggroove {
namespace {

constexpr const char* kKey = "vggroove.finetune";

// Doubles as their bits: a resumed run must see the very same numbers, NaN included.
std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

nlohmann::json to_json(const FinetuneEpoch& e) {
  return {e.epoch,
          e.best,
          bits(e.train_loss),
          bits(e.train_accuracy),
          bits(e.validation_loss),
          bits(e.validation_accuracy),
          bits(e.learning_rate)};
}
FinetuneEpoch epoch_from(const nlohmann::json& json) {
  const auto number = [&json](std::size_t i) {
    return std::bit_cast<double>(json.at(i).get<std::uint64_t>());
  };
  return {.epoch = json.at(0),
          .train_loss = number(2),
          .train_accuracy = number(3),
          .validation_loss = number(4),
          .validation_accuracy = number(5),
          .learning_rate = number(6),
          .best = json.at(1)};
}

// The arrays of a checkpoint: name, parameter, device memory.
struct Entry {
  std::string name;
  std::size_t parameter;
  float* device;
};

std::vector<Entry> entries(VggishTraining& net, FinetuneOptimiser& optimiser) {
  std::vector<Entry> list;
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    const std::string& name = net.parameters()[i].name;
    if (optimiser.num_moments(i) > 0) {
      list.push_back({"parameter/" + name, i, net.parameter(i)});
    }
    for (std::size_t m = 0; m < optimiser.num_moments(i); ++m) {
      list.push_back({fmt::format("moment{}/{}", m, name), i, optimiser.moment(i, m)});
    }
  }
  return list;
}

weights::Shape shape_of(const VggishTraining& net, const Entry& entry) {
  return {static_cast<std::int64_t>(net.parameters()[entry.parameter].count)};
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, VggishTraining& net,
                      FinetuneOptimiser& optimiser, const std::vector<FinetuneEpoch>& epochs,
                      const std::string& run) {
  nlohmann::json state = {{"run", run}, {"epochs", nlohmann::json::array()}};
  for (const FinetuneEpoch& epoch : epochs) {
    state["epochs"].push_back(to_json(epoch));
  }
  const std::vector<Entry> list = entries(net, optimiser);
  std::vector<weights::TensorHeader> headers;
  headers.reserve(list.size());
  for (const Entry& entry : list) {
    headers.push_back({entry.name, weights::DType::kF32, shape_of(net, entry)});
  }
  weights::SafetensorsWriter writer(path, {{kKey, state.dump()}}, headers);
  std::vector<float> values;
  for (const Entry& entry : list) {
    values.resize(net.parameters()[entry.parameter].count);
    net.to_host(entry.parameter, values, entry.device);
    writer.append(std::as_bytes(std::span(values)));
  }
  writer.commit();
}

std::optional<std::vector<FinetuneEpoch>> read_checkpoint(const std::filesystem::path& path,
                                                          VggishTraining& net,
                                                          FinetuneOptimiser& optimiser,
                                                          const std::string& run) {
  std::error_code unreadable_is_for_open_to_say;
  if (!std::filesystem::exists(path, unreadable_is_for_open_to_say) &&
      !unreadable_is_for_open_to_say) {
    return std::nullopt;
  }
  const auto file = weights::SafetensorsFile::open(path);
  const auto corrupt = [&](const std::string& what) {
    return Error(ErrorClass::kCorrupt,
                 fmt::format("{}: {}; remove it and start again", path.string(), what));
  };
  const auto found = file.metadata().find(kKey);
  if (found == file.metadata().end()) {
    throw corrupt("is no checkpoint of a fine-tuning");
  }
  std::vector<FinetuneEpoch> epochs;
  try {
    const nlohmann::json state = nlohmann::json::parse(found->second);
    if (state.at("run") != run) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: belongs to a run with other options, data or base model; resume "
                              "with the same ones, or leave --resume out to start again",
                              path.string()));
    }
    for (const nlohmann::json& epoch : state.at("epochs")) {
      epochs.push_back(epoch_from(epoch));
    }
  } catch (const nlohmann::json::exception&) {
    throw corrupt("its state is damaged");
  }
  std::vector<float> values;
  for (const Entry& entry : entries(net, optimiser)) {
    const auto tensor = file.tensors().find(entry.name);
    if (tensor == file.tensors().end() || tensor->second.dtype != weights::DType::kF32 ||
        tensor->second.shape != shape_of(net, entry)) {
      throw corrupt("tensor " + entry.name + " is missing");
    }
    values.resize(net.parameters()[entry.parameter].count);
    file.read(tensor->second, 0, std::as_writable_bytes(std::span(values)));
    net.to_device(entry.parameter, entry.device, values);
  }
  return epochs;
}

void Fingerprint::add(std::span<const float> values) {
  for (const float value : values) {
    add_word(std::bit_cast<std::uint32_t>(value));
  }
}
void Fingerprint::add(std::string_view text) {
  for (const char c : text) {
    add_word(static_cast<unsigned char>(c));
  }
  add_word(0x100);  // an end, so that "ab", "c" differs from "a", "bc"
}
std::string Fingerprint::text() const {
  return fmt::format("{:016x}", state_);
}

}  // namespace vggroove
