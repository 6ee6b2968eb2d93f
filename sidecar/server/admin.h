#pragma once
// The admin interface without its sockets: a table of commands, each a function from a parsed
// request to an answer. Paths, statuses, bodies and content types are Envoy's
// (source/server/admin). Owned by the server, control thread.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pillion::server {

struct AdminRequest {
  std::string method = "GET";
  std::string path;
  std::string query;                                            // what follows "?", undecoded
  std::vector<std::pair<std::string, std::string>> parameters;  // decoded, as ordered in the query

  // Splits a request target such as "/stats?usedonly&filter=a%2Eb".
  static AdminRequest parse(std::string_view method, std::string_view target);
  // The value of the first parameter of that name; null if it is absent.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return parameter(name) != nullptr; }
};

inline constexpr std::string_view kTextContent = "text/plain; charset=UTF-8";
inline constexpr std::string_view kHtmlContent = "text/html; charset=UTF-8";
inline constexpr std::string_view kJsonContent = "application/json";

struct AdminResponse {
  int status = 200;
  std::string_view content_type = kTextContent;
  std::string body;
  // Of an answer that grows with the configuration: adds a further piece to an empty string; false
  // when there is none. Called as the client takes what came before, so that only pieces are held.
  std::function<bool(std::string& piece)> more = {};
};

inline AdminResponse text_response(std::string body, int status = 200) {
  return {status, kTextContent, std::move(body)};
}

class Admin {
 public:
  struct Parameter {
    std::string_view name;
    std::string_view help;
  };
  // Texts have static storage.
  struct Command {
    std::string_view path;
    std::string_view help;
    bool mutates = false;  // POST only
    std::function<AdminResponse(const AdminRequest&)> run;
    std::vector<Parameter> parameters = {};
  };

  // With the pages that need nothing but the table: "/" and "/help".
  Admin();
  // A later command of the same path replaces the former.
  void add(Command command);
  // 404 with the list of commands for an unknown path; 405 for a mutating command that is not
  // POSTed.
  [[nodiscard]] AdminResponse handle(const AdminRequest& request) const;

 private:
  [[nodiscard]] std::string help() const;
  [[nodiscard]] std::string index() const;

  std::vector<Command> commands_;  // sorted by path
};

}  // namespace pillion::server
