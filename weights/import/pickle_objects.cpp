#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/import/pickle_machine.h"

namespace vggroove::weights {
namespace {

struct StorageType {
  std::string_view global;
  DType dtype;
};
constexpr std::array<StorageType, 10> kStorageTypes{{{"torch FloatStorage", DType::kF32},
                                                     {"torch DoubleStorage", DType::kF64},
                                                     {"torch HalfStorage", DType::kF16},
                                                     {"torch BFloat16Storage", DType::kBf16},
                                                     {"torch LongStorage", DType::kI64},
                                                     {"torch IntStorage", DType::kI32},
                                                     {"torch ShortStorage", DType::kI16},
                                                     {"torch CharStorage", DType::kI8},
                                                     {"torch ByteStorage", DType::kU8},
                                                     {"torch BoolStorage", DType::kBool}}};

constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils _rebuild_tensor";
constexpr std::string_view kRebuildTensorV2 = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils _rebuild_parameter";
constexpr std::string_view kNumpyArray = "numpy ndarray";
constexpr std::string_view kNumpyDType = "numpy dtype";
constexpr std::string_view kNumpyReconstruct = "numpy.core.multiarray _reconstruct";
constexpr std::string_view kNumpy2Reconstruct = "numpy._core.multiarray _reconstruct";
constexpr std::string_view kEncode = "_codecs encode";  // how protocol 2 writes bytes

constexpr std::array kFunctions{kOrderedDict,      kRebuildTensor,     kRebuildTensorV2,
                                kRebuildParameter, kNumpyArray,        kNumpyDType,
                                kNumpyReconstruct, kNumpy2Reconstruct, kEncode};

// The most arguments that one of the functions takes. Longer tuples are refused: one that is copied
// over and over would make a small file need much memory.
constexpr std::size_t kMaxArguments = 8;

}  // namespace

bool is_torch_storage(std::string_view global, DType& dtype) {
  const auto found = std::ranges::find(kStorageTypes, global, &StorageType::global);
  if (found == kStorageTypes.end()) {
    return false;
  }
  dtype = found->dtype;
  return true;
}

void PickleMachine::refuse_call(std::string_view what) const {
  refuse(fmt::format("the pickle wants {}, which a list of tensors does not need; refused", what));
}

void PickleMachine::push_global(std::string_view module, std::string_view name) {
  std::string global = fmt::format("{} {}", module, name);
  DType dtype;
  if (std::ranges::find(kFunctions, global) == kFunctions.end() &&
      !is_torch_storage(global, dtype)) {
    refuse(
        fmt::format("the pickle wants {}, which a list of tensors does not need; refused (of a "
                    "module of yours, save module.state_dict())",
                    quoted_name(fmt::format("{}.{}", module, name))));
  }
  push_new(Kind::kGlobal)->text = std::move(global);
}

void PickleMachine::reduce() {
  const Value arguments = pop(), function = pop();
  if (function->kind != Kind::kGlobal || arguments->kind != Kind::kTuple) {
    corrupt("it calls something that is no function");
  }
  const std::string& name = function->text;
  const auto& items = arguments->items;
  if (items.size() > kMaxArguments) {
    refuse_call(fmt::format("{} with {} arguments", name, items.size()));
  }
  if (name == kOrderedDict && items.empty()) {
    push_new(Kind::kDict);
  } else if (name == kRebuildTensor || name == kRebuildTensorV2) {
    push_new(Kind::kTensor)->items = items;
  } else if (name == kRebuildParameter && !items.empty() && items[0]->kind == Kind::kTensor) {
    push_new(Kind::kTensor)->items = items[0]->items;
  } else if (name == kNumpyReconstruct || name == kNumpy2Reconstruct) {
    push_new(Kind::kArray);
  } else if (name == kNumpyDType && !items.empty() && items[0]->kind == Kind::kText &&
             items[0]->text.size() <= kMaxArguments) {
    push_new(Kind::kDType)->text = items[0]->text;
  } else if (name == kEncode) {
    push_encoded(*arguments);
  } else {
    refuse_call("to call " + name + " in an unusual way");
  }
}

// _codecs.encode(text, "latin1"): the code points 0..255 of the UTF-8 text as bytes.
void PickleMachine::push_encoded(const PickleValue& arguments) {
  if (arguments.items.size() != 2 || arguments.items[0]->kind != Kind::kText ||
      arguments.items[1]->text != "latin1") {
    refuse_call("to encode a text in an unusual way");
  }
  const std::string& text = arguments.items[0]->text;
  encoded_bytes_ += text.size();
  if (encoded_bytes_ > bytes_.size()) {
    refuse_call("to encode the same text over and over");
  }
  std::string encoded;
  encoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      encoded += text[i];
      continue;
    }
    // Two bytes, 110000xx 10xxxxxx, for 128..255.
    const unsigned next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead & 0xfcU) != 0xc0 || (next & 0xc0U) != 0x80) {
      corrupt("a text has characters beyond Latin-1");
    }
    encoded += static_cast<char>((lead & 3U) << 6 | (next & 0x3fU));
    ++i;
  }
  push_new(Kind::kBytes)->text = std::move(encoded);
}

void PickleMachine::build() {
  const Value state = pop();
  const Value object = top();
  if (object->kind == Kind::kDict || object->kind == Kind::kTensor) {
    return;  // attributes of an OrderedDict or a parameter, such as _metadata
  }
  if ((object->kind != Kind::kArray && object->kind != Kind::kDType) ||
      state->kind != Kind::kTuple || state->items.size() > kMaxArguments + 1) {
    corrupt("it sets the state of something that has none");
  }
  object->items = state->items;
}

void PickleMachine::persistent_id() {
  const Value id = pop();
  if (id->kind != Kind::kTuple || id->items.size() < 5 || id->items.size() > 6 ||
      id->items[0]->kind != Kind::kText || id->items[0]->text != "storage") {
    refuse_call("a thing outside the pickle that is no storage of numbers");
  }
  push_new(Kind::kStorage)->items = id->items;
}

}  // namespace vggroove::weights
