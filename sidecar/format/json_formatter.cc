#include <utility>

#include "sidecar/format/formatter.h"
#include "sidecar/format/json_text.h"
#include "sidecar/format/operator.h"

namespace pillion::format {

// One value of the template. Keys are held with their quotes and colon, ready to be appended.
struct JsonFormatter::Node {
  enum class Kind : uint8_t {
    kConstant,  // `text`, rendered when parsed
    kNull,      // left out with omit_empty_values
    kOperator,  // one operator, typed
    kTemplate,  // a string of several pieces
    kArray,
    kObject
  };
  Kind kind = Kind::kConstant;
  std::string key;   // as a member of an object
  std::string text;  // kConstant
  std::vector<Piece> pieces;
  std::vector<Node> children;
};

namespace {

using Node = JsonFormatter::Node;

Result<Node, Problem> node_of(const config::Value& value);

Result<Node, Problem> string_node(const std::string& text) {
  Node node;
  TRY(node.pieces, parse_pieces(text));
  if (node.pieces.empty() || (node.pieces.size() == 1 && node.pieces[0].append == nullptr)) {
    append_json_string(node.text, node.pieces.empty() ? std::string_view{} : node.pieces[0].text);
    node.pieces.clear();
  } else {
    node.kind = node.pieces.size() == 1 ? Node::Kind::kOperator : Node::Kind::kTemplate;
  }
  return node;
}

Result<Node, Problem> array_node(const config::Value::Array& values) {
  Node node;
  node.kind = Node::Kind::kArray;
  for (const config::Value& value : values) {
    TRY(Node child, node_of(value));
    node.children.push_back(std::move(child));
  }
  return node;
}

Result<Node, Problem> object_node(const config::Value::Object& object) {
  Node node;
  node.kind = Node::Kind::kObject;
  for (const auto& [key, value] : object) {
    auto child = node_of(value);
    if (!child) return problem("'" + key + "': " + std::move(child.error().message));
    append_json_string(child->key, key);
    child->key += ':';
    node.children.push_back(*std::move(child));
  }
  return node;
}

Result<Node, Problem> node_of(const config::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return string_node(*text);
  if (const auto* values = std::get_if<config::Value::Array>(&value.data))
    return array_node(*values);
  if (const auto* object = std::get_if<config::Value::Object>(&value.data))
    return object_node(*object);
  Node node;
  if (std::holds_alternative<std::monostate>(value.data)) node.kind = Node::Kind::kNull;
  append_json_value(node.text, value);
  return node;
}

// Renders nodes into one line. Each append returns false, with nothing appended, for what
// omit_empty_values leaves out.
class Writer {
 public:
  Writer(std::string& out, const Context& context, bool omit_empty)
      : out_(out), context_(context), omit_empty_(omit_empty) {}

  bool append(const Node& node) {
    switch (node.kind) {
      case Node::Kind::kConstant:
        out_ += node.text;
        return true;
      case Node::Kind::kNull:
        return append_null();
      case Node::Kind::kOperator:
        return append_operator(node.pieces[0]);
      case Node::Kind::kTemplate:
        append_template(node.pieces);
        return true;
      case Node::Kind::kArray:
        append_children(node, '[', ']');
        return true;
      case Node::Kind::kObject:
        return append_object(node);
    }
    return false;
  }

  // The line's own object stays, even when it is empty.
  bool append_children(const Node& node, char open, char close) {
    out_ += open;
    bool any = false;
    for (const Node& child : node.children) {
      std::size_t before = out_.size();
      if (any) out_ += ',';
      out_ += child.key;
      if (append(child)) {
        any = true;
      } else {
        out_.resize(before);
      }
    }
    out_ += close;
    return any;
  }

 private:
  bool append_null() {
    if (omit_empty_) return false;
    out_ += "null";
    return true;
  }

  bool append_object(const Node& node) {
    std::size_t before = out_.size();
    if (append_children(node, '{', '}') || !omit_empty_) return true;
    out_.resize(before);
    return false;
  }

  bool append_operator(const Piece& piece) {
    if (piece.append_json != nullptr)
      return piece.append_json(out_, piece, context_) || append_null();
    if (piece.is_number) return append_limited(out_, piece, context_) || append_null();
    scratch_.clear();
    if (!append_limited(scratch_, piece, context_)) return append_null();
    append_json_string(out_, scratch_);
    return true;
  }

  void append_template(const std::vector<Piece>& pieces) {
    scratch_.clear();
    for (const Piece& piece : pieces) {
      if (piece.append == nullptr) {
        scratch_ += piece.text;
      } else if (!append_limited(scratch_, piece, context_) && !omit_empty_) {
        scratch_ += '-';
      }
    }
    append_json_string(out_, scratch_);
  }

  std::string& out_;
  const Context& context_;
  bool omit_empty_;
  std::string scratch_;
};

}  // namespace

JsonFormatter::JsonFormatter() = default;
JsonFormatter::JsonFormatter(JsonFormatter&&) noexcept = default;
JsonFormatter& JsonFormatter::operator=(JsonFormatter&&) noexcept = default;
JsonFormatter::~JsonFormatter() = default;

Result<JsonFormatter, Problem> JsonFormatter::parse(const config::Value& layout,
                                                    bool omit_empty_values,
                                                    bool /*sort_properties*/) {
  if (!std::holds_alternative<config::Value::Object>(layout.data))
    return problem("a JSON format must be an object");
  JsonFormatter out;
  TRY(Node root, node_of(layout));
  out.root_ = std::make_unique<Node>(std::move(root));
  out.omit_empty_ = omit_empty_values;
  return out;
}

void JsonFormatter::append_to(std::string& out, const Context& context) const {
  Writer(out, context, omit_empty_).append_children(*root_, '{', '}');
  out += '\n';
}

}  // namespace pillion::format
