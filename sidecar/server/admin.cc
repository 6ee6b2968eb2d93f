#include "sidecar/server/admin.h"

#include <algorithm>
#include <optional>

#include "sidecar/base/text.h"

namespace pillion::server {

namespace {

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  c = lower(c);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  return {};
}

// An escape that is none stays as it is written.
std::string percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      auto high = hex_digit(text[i + 1]);
      auto low = hex_digit(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

bool before(const Admin::Command& command, std::string_view path) {
  return command.path < path;
}

}  // namespace

AdminRequest AdminRequest::parse(std::string_view method, std::string_view target) {
  AdminRequest request;
  request.method = method;
  std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question == std::string_view::npos) return request;
  std::string_view query = target.substr(question + 1);
  query = query.substr(0, query.find('#'));
  request.query = query;
  for (std::string_view pair : split(query, '&')) {
    if (pair.empty()) continue;
    std::size_t equals = pair.find('=');
    std::string_view value;
    if (equals != std::string_view::npos) value = pair.substr(equals + 1);
    request.parameters.emplace_back(percent_decoded(pair.substr(0, equals)),
                                    percent_decoded(value));
  }
  return request;
}

const std::string* AdminRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters)
    if (key == name) return &value;
  return nullptr;
}

Admin::Admin() {
  add({.path = "/", .help = "Admin home page", .run = [this](const AdminRequest&) {
         return AdminResponse{200, kHtmlContent, index()};
       }});
  add({.path = "/help",
       .help = "print out list of admin commands",
       .run = [this](const AdminRequest&) {
         return text_response("admin commands are:\n" + help());
       }});
}

void Admin::add(Command command) {
  auto at = std::lower_bound(commands_.begin(), commands_.end(), command.path, before);
  if (at != commands_.end() && at->path == command.path)
    *at = std::move(command);
  else
    commands_.insert(at, std::move(command));
}

AdminResponse Admin::handle(const AdminRequest& request) const {
  auto at =
      std::lower_bound(commands_.begin(), commands_.end(), std::string_view(request.path), before);
  if (at == commands_.end() || at->path != request.path)
    return text_response("invalid path. admin commands are:\n" + help(), 404);
  if (at->mutates && request.method != "POST")
    return text_response("Method " + request.method + " not allowed, POST required.", 405);
  return at->run(request);
}

std::string Admin::help() const {
  std::string out;
  for (const Command& command : commands_) {
    out.append("  ").append(command.path).append(command.mutates ? " (POST): " : ": ");
    out.append(command.help).append("\n");
    for (const Parameter& parameter : command.parameters)
      out.append("      ").append(parameter.name).append(": ").append(parameter.help).append("\n");
  }
  return out;
}

std::string Admin::index() const {
  std::string out =
      "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<title>Pillion admin</title>\n<style>\n"
      "body { font-family: sans-serif; }\ntd { padding: 4px; }\nform { margin: 0; }\n"
      "</style>\n</head>\n<body>\n<table>\n<tr><th>Command</th><th>Description</th></tr>\n";
  for (const Command& command : commands_) {
    if (command.path == "/") continue;
    std::string name(command.path.substr(1));
    out += "<tr><td>";
    if (command.mutates)
      out += "<form action='" + name + "' method='post'><button>" + name + "</button></form>";
    else
      out += "<a href='" + name + "'>" + name + "</a>";
    out += "</td><td>" + html_escaped(command.help) + "</td></tr>\n";
  }
  return out + "</table>\n</body>\n</html>\n";
}

}  // namespace pillion::server
