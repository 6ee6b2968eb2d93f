#pragma once
// The command operators of a format string, one Piece each, and the tables that name them. Internal
// to sidecar/format: made when a format is parsed, then const and shared by all workers.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/format/formatter.h"

namespace pillion::format {

// A literal, or an operator with its arguments.
struct Piece {
  // Appends the value; false (and nothing appended) when there is none.
  using Append = bool (*)(std::string& out, const Piece& piece, const Context& context);
  static constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();

  Append append = nullptr;        // null: a literal
  Append append_json = nullptr;   // for values that are more than a string or a number in JSON
  std::string text;               // the literal, or the first argument
  std::string other;              // the second argument
  std::vector<std::string> keys;  // a path into metadata
  std::vector<Piece> parts;       // operators within this one
  uint32_t limit = kNoLimit;      // :Z, in bytes
  uint8_t option = 0;             // what the operator's parse function makes of it
  uint8_t option2 = 0;
  bool is_number = false;  // not quoted in JSON
};

// Which arguments an operator takes (Envoy's CommandSyntaxChecker).
enum Syntax : uint8_t {
  kCommandOnly = 0,
  kParamsRequired = 1,
  kParamsOptional = 2,
  kLengthAllowed = 4,
};

struct Operator {
  std::string_view name;
  Piece::Append append;
  uint8_t syntax = kCommandOnly;
  bool is_number = false;
  // Reads what stands in the brackets into the piece; null: text = argument.
  Result<Unit, Problem> (*parse)(Piece& piece, std::string_view argument) = nullptr;
  Piece::Append append_json = nullptr;
};

// By subject, each defined in its own file.
std::span<const Operator> header_operators();
std::span<const Operator> stream_operators();
std::span<const Operator> time_operators();
std::span<const Operator> address_operators();
std::span<const Operator> metadata_operators();
std::span<const Operator> tls_operators();
std::span<const Operator> coalesce_operators();

// Makes the piece of "%NAME(argument):length%". `argument` is null without brackets.
Result<Piece, Problem> make_operator(std::string_view name, const std::string_view* argument,
                                     uint32_t length);

// Splits a whole format string.
Result<std::vector<Piece>, Problem> parse_pieces(std::string_view text);

// Appends the value cut to the piece's limit; false when there is none.
bool append_limited(std::string& out, const Piece& piece, const Context& context);

// Shared by the operator files.
bool append_text(std::string& out, std::string_view text);  // false if it is empty
void append_number(std::string& out, uint64_t number);

}  // namespace pillion::format
