// %COALESCE({"operators": [...]})%: the first of several operators that has something to say.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "sidecar/format/json_reader.h"
#include "sidecar/format/json_text.h"
#include "sidecar/format/operator.h"

namespace pillion::format {

namespace {

using config::Value;

Result<uint32_t, Problem> max_length(const Value& value) {
  const auto* number = std::get_if<double>(&value.data);
  constexpr double kMost = std::numeric_limits<uint32_t>::max() - 1;
  if (number == nullptr || *number < 1 || *number > kMost || std::trunc(*number) != *number)
    return problem("'max_length' must be a positive whole number");
  return static_cast<uint32_t>(*number);
}

// {"command": NAME, "param": ARGUMENT, "max_length": BYTES}
Result<Piece, Problem> part_of(const Value::Object& object) {
  const std::string* command = nullptr;
  std::string_view argument;
  uint32_t limit = Piece::kNoLimit;
  for (const auto& [name, value] : object) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (name == "max_length") {
      TRY(limit, max_length(value));
    } else if (name != "command" && name != "param") {
      return problem("'" + name + "' is none of command, param and max_length");
    } else if (text == nullptr) {
      return problem("'" + name + "' must be a string");
    } else if (name == "command") {
      command = text;
    } else {
      argument = *text;
    }
  }
  if (command == nullptr) return problem("an operator needs a 'command'");
  return make_operator(*command, &argument, limit);
}

// NAME alone, or an object.
Result<Piece, Problem> part_of(const Value& value) {
  if (const auto* name = std::get_if<std::string>(&value.data))
    return make_operator(*name, nullptr, Piece::kNoLimit);
  if (const auto* object = std::get_if<Value::Object>(&value.data)) return part_of(*object);
  return problem("an operator is a name, or an object with a 'command'");
}

Result<Unit, Problem> parse_coalesce(Piece& piece, std::string_view argument) {
  TRY(Value config, parse_json(argument));
  const auto* object = std::get_if<Value::Object>(&config.data);
  const Value::Array* operators = nullptr;
  if (object != nullptr && object->size() == 1 && object->begin()->first == "operators")
    operators = std::get_if<Value::Array>(&object->begin()->second.data);
  if (operators == nullptr || operators->empty())
    return problem(R"(expected {"operators": [...]} with at least one operator)");
  for (const Value& value : *operators) {
    TRY(Piece part, part_of(value));
    piece.parts.push_back(std::move(part));
  }
  return Unit{};
}

bool append_coalesce(std::string& out, const Piece& piece, const Context& context) {
  std::size_t before = out.size();
  return std::any_of(piece.parts.begin(), piece.parts.end(), [&](const Piece& part) {
    return append_limited(out, part, context) && out.size() > before;
  });
}

// The part keeps its type; only a string is cut.
bool append_coalesce_as_json(std::string& out, const Piece& piece, const Context& context) {
  std::size_t before = out.size();
  for (const Piece& part : piece.parts) {
    Piece::Append append = part.append_json;
    if (append == nullptr && part.is_number) append = append_limited;
    if (append == nullptr) {
      std::string text;
      if (!append_limited(text, part, context) || text.empty()) continue;
      append_json_string(out, std::string_view(text).substr(0, piece.limit));
      return true;
    }
    if (append(out, part, context) && std::string_view(out).substr(before) != "\"\"") return true;
    out.resize(before);
  }
  return false;
}

constexpr Operator kOperators[] = {
    {"COALESCE", append_coalesce, kParamsRequired | kLengthAllowed, false, parse_coalesce,
     append_coalesce_as_json},
};

}  // namespace

std::span<const Operator> coalesce_operators() {
  return kOperators;
}

}  // namespace pillion::format
