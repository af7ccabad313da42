#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weights/import/pickle.h"

namespace vggroove::weights {

// The stack machine behind unpickle(): pickle.cpp reads the opcodes, pickle_objects.cpp holds what
// may be built.
class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, std::string_view place)
      : bytes_(bytes), place_(place) {}

  PickleResult run();

 private:
  using Kind = PickleValue::Kind;
  using Value = PickleValue*;

  // Reading (pickle.cpp).
  std::span<const std::byte> take(std::uint64_t size_bytes);
  template <class Number>
  Number take_number();
  std::string_view take_line();
  void step(std::uint8_t opcode);
  bool step_scalar(std::uint8_t opcode);
  bool step_text(std::uint8_t opcode);
  bool step_container(std::uint8_t opcode);
  bool step_memo(std::uint8_t opcode);
  bool step_object(std::uint8_t opcode);
  void push_long(std::uint64_t size_bytes);

  // The stack (pickle.cpp).
  Value make(Kind kind);
  void push(Value value);
  Value push_new(Kind kind);
  Value push_text(Kind kind, std::uint64_t size_bytes);
  Value pop();
  Value top();
  std::vector<Value> pop_to_mark();
  void push_tuple(const std::vector<Value>& items);
  void store(std::uint64_t slot);
  void recall(std::uint64_t slot);

  // Objects (pickle_objects.cpp).
  void push_global(std::string_view module, std::string_view name);
  void reduce();
  void build();
  void persistent_id();
  void push_encoded(const PickleValue& arguments);
  [[noreturn]] void refuse_call(std::string_view what) const;

  [[noreturn]] void corrupt(std::string_view what) const;
  [[noreturn]] void refuse(std::string_view what) const;

  std::span<const std::byte> bytes_;
  std::string_view place_;
  std::size_t position_ = 0;
  std::size_t opcode_position_ = 0;
  PickleResult result_;
  std::vector<Value> stack_;  // nullptr: a mark
  std::unordered_map<std::uint64_t, Value> memo_;
  std::size_t encoded_bytes_ = 0;  // made out of texts so far
};

}  // namespace vggroove::weights
