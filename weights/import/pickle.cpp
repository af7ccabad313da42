#include "weights/import/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "weights/import/little_endian.h"
#include "weights/import/pickle_machine.h"
#include "weights/import/wire_reader.h"

namespace vggroove::weights {
namespace {

// A network has 18 tensors of about 25 values each; a value costs 120 bytes of memory and one byte
// of file.
constexpr std::size_t kMaxValues = 1'000'000;

enum Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyTuple = ')',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

}  // namespace

void PickleMachine::corrupt(std::string_view what) const {
  throw Error(ErrorClass::kCorrupt, fmt::format("{}: the pickle is damaged at its byte {}: {}",
                                                place_, opcode_position_, what));
}

void PickleMachine::refuse(std::string_view what) const {
  throw Error(ErrorClass::kUnsupported, fmt::format("{}: {}", place_, what));
}

std::span<const std::byte> PickleMachine::take(std::uint64_t size_bytes) {
  if (size_bytes > bytes_.size() - position_) {
    corrupt(fmt::format("{} bytes are expected where {} are left", size_bytes,
                        bytes_.size() - position_));
  }
  const auto result = bytes_.subspan(position_, static_cast<std::size_t>(size_bytes));
  position_ += result.size();
  return result;
}

template <class Number>
Number PickleMachine::take_number() {
  return load_little_endian<Number>(take(sizeof(Number)));
}

std::string_view PickleMachine::take_line() {
  const std::string_view rest = as_text(bytes_.subspan(position_));
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) {
    corrupt("a line without an end");
  }
  position_ += end + 1;
  return rest.substr(0, end);
}

PickleMachine::Value PickleMachine::make(Kind kind) {
  if (result_.values.size() == kMaxValues) {
    refuse(fmt::format("the pickle has more than {} values; a list of tensors has far fewer",
                       kMaxValues));
  }
  Value value = &result_.values.emplace_back();
  value->kind = kind;
  return value;
}

void PickleMachine::push(Value value) {
  stack_.push_back(value);
}

PickleMachine::Value PickleMachine::push_new(Kind kind) {
  push(make(kind));
  return stack_.back();
}

PickleMachine::Value PickleMachine::push_text(Kind kind, std::uint64_t size_bytes) {
  const std::string_view text = as_text(take(size_bytes));
  Value value = push_new(kind);
  value->text = text;
  return value;
}

PickleMachine::Value PickleMachine::pop() {
  Value value = top();
  stack_.pop_back();
  return value;
}

PickleMachine::Value PickleMachine::top() {
  if (stack_.empty() || stack_.back() == nullptr) {
    corrupt("its stack is empty");
  }
  return stack_.back();
}

std::vector<PickleMachine::Value> PickleMachine::pop_to_mark() {
  const auto mark = std::find(stack_.rbegin(), stack_.rend(), nullptr);
  if (mark == stack_.rend()) {
    corrupt("a mark is missing from its stack");
  }
  const auto first = mark.base();
  std::vector<Value> items(first, stack_.end());
  stack_.erase(first - 1, stack_.end());
  return items;
}

void PickleMachine::push_tuple(const std::vector<Value>& items) {
  push_new(Kind::kTuple)->items.assign(items.begin(), items.end());
}

void PickleMachine::store(std::uint64_t slot) {
  memo_[slot] = top();
}

void PickleMachine::recall(std::uint64_t slot) {
  const auto found = memo_.find(slot);
  if (found == memo_.end()) {
    corrupt(fmt::format("it uses value {} before storing it", slot));
  }
  push(found->second);
}

PickleResult PickleMachine::run() {
  for (;;) {
    opcode_position_ = position_;
    const auto opcode = take_number<std::uint8_t>();
    if (opcode == kStop) {
      result_.root = pop();
      result_.size_bytes = position_;
      return std::move(result_);
    }
    step(opcode);
  }
}

void PickleMachine::step(std::uint8_t opcode) {
  if (!step_scalar(opcode) && !step_text(opcode) && !step_container(opcode) && !step_memo(opcode) &&
      !step_object(opcode)) {
    refuse(
        fmt::format("the pickle uses opcode 0x{:02x} at its byte {}, which a list of tensors "
                    "does not need; refused",
                    opcode, opcode_position_));
  }
}

bool PickleMachine::step_scalar(std::uint8_t opcode) {
  switch (opcode) {
    case kProto:
      if (take_number<std::uint8_t>() > 5) {
        refuse("a pickle of a protocol after 5; save it with torch's default protocol");
      }
      return true;
    case kFrame:
      if (take_number<std::uint64_t>() > bytes_.size() - position_) {
        corrupt("a frame is longer than the file");
      }
      return true;
    case kNone:
      push_new(Kind::kNone);
      return true;
    case kNewTrue:
    case kNewFalse:
      push_new(Kind::kBool)->integer = opcode == kNewTrue;
      return true;
    case kBinInt:
      push_new(Kind::kInteger)->integer = take_number<std::int32_t>();
      return true;
    case kBinInt1:
      push_new(Kind::kInteger)->integer = take_number<std::uint8_t>();
      return true;
    case kBinInt2:
      push_new(Kind::kInteger)->integer = take_number<std::uint16_t>();
      return true;
    case kLong1:
      push_long(take_number<std::uint8_t>());
      return true;
    case kLong4:
      push_long(take_number<std::uint32_t>());
      return true;
    case kBinFloat: {
      // The one number that is stored most significant byte first.
      auto bits = take_number<std::uint64_t>();
      std::uint64_t swapped = 0;
      for (int i = 0; i < 8; ++i, bits >>= 8) {
        swapped = swapped << 8 | (bits & 255);
      }
      push_new(Kind::kFloat)->number = std::bit_cast<double>(swapped);
      return true;
    }
    default:
      return false;
  }
}

void PickleMachine::push_long(std::uint64_t size_bytes) {
  const auto bytes = take(size_bytes);
  Value value = push_new(Kind::kInteger);
  if (bytes.size() > 8) {
    value->text = as_text(bytes);
  } else if (!bytes.empty()) {
    const bool negative = (std::to_integer<unsigned>(bytes.back()) & 0x80U) != 0;
    value->integer = negative ? -1 : 0;
    std::memcpy(&value->integer, bytes.data(), bytes.size());
  }
}

bool PickleMachine::step_text(std::uint8_t opcode) {
  switch (opcode) {
    case kBinUnicode:
    case kBinString:
      push_text(Kind::kText, take_number<std::uint32_t>());
      return true;
    case kShortBinUnicode:
    case kShortBinString:
      push_text(Kind::kText, take_number<std::uint8_t>());
      return true;
    case kBinUnicode8:
      push_text(Kind::kText, take_number<std::uint64_t>());
      return true;
    case kBinBytes:
      push_text(Kind::kBytes, take_number<std::uint32_t>());
      return true;
    case kShortBinBytes:
      push_text(Kind::kBytes, take_number<std::uint8_t>());
      return true;
    case kBinBytes8:
      push_text(Kind::kBytes, take_number<std::uint64_t>());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_container(std::uint8_t opcode) {
  // Appends the values above the mark, or the one or two on top, to the container below them.
  const auto extend = [this](const std::vector<Value>& items, Kind kind) {
    Value container = top();
    if (container->kind != kind || (kind == Kind::kDict && items.size() % 2 != 0)) {
      corrupt("values are added to something that cannot hold them");
    }
    container->items.insert(container->items.end(), items.begin(), items.end());
  };
  switch (opcode) {
    case kMark:
      stack_.push_back(nullptr);
      return true;
    case kEmptyTuple:
      push_new(Kind::kTuple);
      return true;
    case kTuple:
      push_tuple(pop_to_mark());
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3: {
      std::vector<Value> items(opcode - kTuple1 + std::size_t{1});
      for (std::size_t i = items.size(); i-- > 0;) {
        items[i] = pop();
      }
      push_tuple(items);
      return true;
    }
    case kEmptyList:
    case kEmptyDict:
      push_new(opcode == kEmptyList ? Kind::kList : Kind::kDict);
      return true;
    case kList:
    case kDict: {
      const std::vector<Value> items = pop_to_mark();
      const Kind kind = opcode == kList ? Kind::kList : Kind::kDict;
      push_new(kind);
      extend(items, kind);
      return true;
    }
    case kAppend:
      extend({pop()}, Kind::kList);
      return true;
    case kAppends:
      extend(pop_to_mark(), Kind::kList);
      return true;
    case kSetItem: {
      Value value = pop();
      Value key = pop();
      extend({key, value}, Kind::kDict);
      return true;
    }
    case kSetItems:
      extend(pop_to_mark(), Kind::kDict);
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_memo(std::uint8_t opcode) {
  switch (opcode) {
    case kBinPut:
      store(take_number<std::uint8_t>());
      return true;
    case kLongBinPut:
      store(take_number<std::uint32_t>());
      return true;
    case kMemoize:
      store(memo_.size());
      return true;
    case kBinGet:
      recall(take_number<std::uint8_t>());
      return true;
    case kLongBinGet:
      recall(take_number<std::uint32_t>());
      return true;
    case kDup:
      push(top());
      return true;
    case kPop:
      if (stack_.empty()) {
        corrupt("its stack is empty");
      }
      stack_.pop_back();
      return true;
    case kPopMark:
      pop_to_mark();
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_object(std::uint8_t opcode) {
  switch (opcode) {
    case kGlobal: {
      const std::string_view module = take_line();
      push_global(module, take_line());
      return true;
    }
    case kStackGlobal: {
      const Value name = pop(), module = pop();
      if (name->kind != Kind::kText || module->kind != Kind::kText) {
        corrupt("the name of a function is no text");
      }
      push_global(module->text, name->text);
      return true;
    }
    case kReduce:
      reduce();
      return true;
    case kBuild:
      build();
      return true;
    case kBinPersId:
      persistent_id();
      return true;
    default:
      return false;
  }
}

PickleResult unpickle(std::span<const std::byte> bytes, std::string_view place) {
  return PickleMachine(bytes, place).run();
}

}  // namespace vggroove::weights
