#include "xds/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "xds/block_yaml.h"
#include "xds/yaml_scalar.h"

namespace pillion::xds {
namespace {

// From this size on a text was written by a program, and is worth a try with the fast parser.
constexpr std::size_t kLargeText = 256 * 1024;

// How many nodes the text may describe, with each alias counted as all it stands for.
constexpr std::size_t kMaxNodes = 8'000'000;
// And how many of those through aliases.
constexpr std::size_t kMaxAliased = 1'000'000;

// Leaves yaml-cpp's parser when the builder refuses what it is told.
struct Refused : std::runtime_error {
  Refused(const YAML::Mark& mark, const std::string& what)
      : std::runtime_error(fmt::format("{}:{}: {}", mark.line + 1, mark.column + 1, what)) {}
};

// Builds nodes from yaml-cpp's events. Keeps, for each open collection, its children so far.
class NodeBuilder final : public YAML::EventHandler {
 public:
  explicit NodeBuilder(Document& document) : document_(document) {}

  [[nodiscard]] const Node& root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, Node(), 1, 0);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) throw Refused(mark, "the alias is part of what it stands for");
    aliased_ += it->second.nodes;
    if (aliased_ > kMaxAliased) throw Refused(mark, "the aliases of this file expand to too much");
    if (frames_.size() + it->second.depth > Document::kMaxDepth)
      throw Refused(mark, "the nesting is too deep");
    add(mark, YAML::NullAnchor, it->second.node, it->second.nodes, it->second.depth);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // The key of a mapping is a name, whatever it looks like.
    const bool name = !frames_.empty() && frames_.back().is_map && !frames_.back().has_name;
    add(mark, anchor, name ? text(value) : typed(tag, value), 1, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, false);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, true);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YAML::Mark mark;
    YAML::anchor_t anchor;
    bool is_map;
    bool has_name = false;
    std::string_view name;
    std::size_t first = 0;  // of its children in nodes_ or members_
    std::size_t nodes = 1;
    std::size_t depth = 0;
  };
  struct Anchored {
    Node node;
    std::size_t nodes;
    std::size_t depth;
  };

  Node text(const std::string& value) {
    return Node::scalar(Node::Kind::kString, document_.copy(value));
  }

  Node typed(const std::string& tag, const std::string& value) {
    // "!" marks a quoted scalar, "?" a plain one; an explicit tag overrides the look.
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return text(value);
    return plain_scalar(document_.copy(value), document_);
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, bool is_map) {
    if (frames_.size() >= Document::kMaxDepth) throw Refused(mark, "the nesting is too deep");
    Frame frame{mark, anchor, is_map, false, {}, is_map ? members_.size() : nodes_.size()};
    frames_.push_back(frame);
  }

  void close() {
    const Frame frame = frames_.back();
    frames_.pop_back();
    Node node;
    if (frame.is_map) {
      node = Node::object(document_.copy(std::span<const Member>(members_).subspan(frame.first)));
      members_.resize(frame.first);
    } else {
      node = Node::array(document_.copy(std::span<const Node>(nodes_).subspan(frame.first)));
      nodes_.resize(frame.first);
    }
    add(frame.mark, frame.anchor, node, frame.nodes, frame.depth + 1);
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Node node, std::size_t nodes,
           std::size_t depth) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, nodes, depth};
    if (frames_.empty()) {
      root_ = node;
      return;
    }
    Frame& parent = frames_.back();
    parent.nodes += nodes;
    parent.depth = std::max(parent.depth, depth);
    if (parent.nodes > kMaxNodes) throw Refused(mark, "the file describes too many values");
    if (!parent.is_map) {
      nodes_.push_back(node);
    } else if (!parent.has_name) {
      if (!node.is(Node::Kind::kString)) throw Refused(mark, "a mapping's key has to be a name");
      parent.name = node.text();
      parent.has_name = true;
    } else {
      members_.push_back({parent.name, node});
      parent.has_name = false;
    }
  }

  Document& document_;
  Node root_;
  std::vector<Frame> frames_;
  std::vector<Node> nodes_;
  std::vector<Member> members_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  std::size_t aliased_ = 0;
};

// A second document in the file; Envoy ignores all but the first.
class DocumentCounter final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw Refused(mark, "a second YAML document begins here; give one document only");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

Result<Unit, Problem> parse_yaml(std::string text, Document& document) {
  if (text.size() > Document::kMaxBytes)
    return problem(fmt::format("has more than {} bytes, which is the limit", Document::kMaxBytes));
  if (const std::size_t at = find_invalid_utf8(text); at != std::string::npos)
    return problem(line_and_column(text, at) + ": this byte is not valid UTF-8");
  if (text.size() >= kLargeText && parse_block_yaml(text, document)) return Unit{};
  try {
    std::istringstream in(std::move(text));
    YAML::Parser parser(in);
    NodeBuilder builder(document);
    parser.HandleNextDocument(builder);
    document.root = builder.root();
    DocumentCounter counter;
    parser.HandleNextDocument(counter);
    return Unit{};
  } catch (const Refused& refused) {
    return problem(refused.what());
  } catch (const YAML::Exception& error) {
    return problem(fmt::format("{}:{}: {}", error.mark.line + 1, error.mark.column + 1, error.msg));
  } catch (const std::exception& error) {
    return problem(error.what());
  }
}

}  // namespace pillion::xds
