#include "sidecar/format/operator.h"

#include <array>
#include <charconv>
#include <utility>

#include "sidecar/base/text.h"

namespace pillion::format {

namespace {

std::array<std::span<const Operator>, 7> all_operators() {
  return {header_operators(),   stream_operators(), time_operators(),    address_operators(),
          metadata_operators(), tls_operators(),    coalesce_operators()};
}

const Operator* find_operator(std::string_view name) {
  for (std::span<const Operator> operators : all_operators()) {
    for (const Operator& op : operators)
      if (op.name == name) return &op;
  }
  return nullptr;
}

Unexpected<Problem> unknown_operator(std::string_view name) {
  std::string message =
      "%" + std::string(name) + "% is not an operator that this proxy knows; it has";
  for (std::span<const Operator> operators : all_operators()) {
    for (const Operator& op : operators) {
      message += ' ';
      message += op.name;
    }
  }
  return problem(std::move(message));
}

bool is_name_char(char c) {
  return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

// What stands between two '%': NAME, NAME(argument), NAME:length or NAME(argument):length.
struct Command {
  std::string_view name;
  std::string_view argument;
  bool has_argument = false;
  uint32_t length = Piece::kNoLimit;
  std::size_t size = 0;  // with both '%'
};

// The position of the ')' that ends the argument that begins at `at`: the first that '%' or ':'
// follows, so that an argument may hold both. npos if there is none.
std::size_t argument_end(std::string_view text, std::size_t at) {
  for (; at + 1 < text.size(); ++at)
    if (text[at] == ')' && (text[at + 1] == '%' || text[at + 1] == ':')) return at;
  return std::string_view::npos;
}

// `text` begins with '%'.
std::optional<Command> scan_command(std::string_view text) {
  Command command;
  std::size_t at = 1;
  while (at < text.size() && is_name_char(text[at])) ++at;
  command.name = text.substr(1, at - 1);
  if (command.name.empty() || at == text.size()) return std::nullopt;
  if (text[at] == '(') {
    std::size_t close = argument_end(text, at + 1);
    if (close == std::string_view::npos) return std::nullopt;
    command.argument = text.substr(at + 1, close - at - 1);
    command.has_argument = true;
    at = close + 1;
  }
  if (text[at] == ':') {
    std::size_t end = text.find('%', at);
    if (end == std::string_view::npos) return std::nullopt;
    auto length = parse_number<uint32_t>(text.substr(at + 1, end - at - 1));
    if (!length) return std::nullopt;
    command.length = *length;
    at = end;
  }
  if (text[at] != '%') return std::nullopt;
  command.size = at + 1;
  return command;
}

void append_literal(std::vector<Piece>& pieces, std::string_view text) {
  if (pieces.empty() || pieces.back().append != nullptr) pieces.emplace_back();
  pieces.back().text += text;
}

}  // namespace

Result<Piece, Problem> make_operator(std::string_view name, const std::string_view* argument,
                                     uint32_t length) {
  const Operator* op = find_operator(name);
  if (op == nullptr) return unknown_operator(name);
  // Envoy takes empty brackets for none.
  bool has_argument = argument != nullptr && !argument->empty();
  std::string quoted = "%" + std::string(name) + "%";
  if (has_argument && (op->syntax & (kParamsRequired | kParamsOptional)) == 0)
    return problem(quoted + " takes no parameters");
  if (!has_argument && (op->syntax & kParamsRequired) != 0)
    return problem(quoted + " requires parameters, as in %" + std::string(name) + "(...)%");
  if (length != Piece::kNoLimit && (op->syntax & kLengthAllowed) == 0)
    return problem(quoted + " does not allow a length");
  Piece piece;
  piece.append = op->append;
  piece.append_json = op->append_json;
  piece.is_number = op->is_number;
  piece.limit = length;
  std::string_view given = has_argument ? *argument : std::string_view{};
  if (op->parse == nullptr) {
    piece.text = given;
    return piece;
  }
  auto parsed = op->parse(piece, given);
  if (!parsed) return problem(quoted + ": " + std::move(parsed.error().message));
  return piece;
}

Result<std::vector<Piece>, Problem> parse_pieces(std::string_view text) {
  std::vector<Piece> pieces;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t percent = text.find('%', at);
    if (percent != at) append_literal(pieces, text.substr(at, percent - at));
    if (percent == std::string_view::npos) break;
    std::string_view rest = text.substr(percent);
    if (rest.starts_with("%%")) {
      append_literal(pieces, "%");
      at = percent + 2;
      continue;
    }
    auto command = scan_command(rest);
    if (!command) {
      return problem("format '" + std::string(text) + "': no valid operator at position " +
                     std::to_string(percent) + " (a percent sign itself is written %%)");
    }
    auto piece = make_operator(command->name, command->has_argument ? &command->argument : nullptr,
                               command->length);
    if (!piece)
      return problem("format '" + std::string(text) + "': " + std::move(piece.error().message));
    pieces.push_back(*std::move(piece));
    at = percent + command->size;
  }
  return pieces;
}

bool append_limited(std::string& out, const Piece& piece, const Context& context) {
  std::size_t before = out.size();
  if (!piece.append(out, piece, context)) return false;
  if (piece.limit != Piece::kNoLimit && out.size() - before > piece.limit)
    out.resize(before + piece.limit);
  return true;
}

bool append_text(std::string& out, std::string_view text) {
  out += text;
  return !text.empty();
}

void append_number(std::string& out, uint64_t number) {
  std::array<char, 20> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

}  // namespace pillion::format
