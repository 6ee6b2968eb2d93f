#include "sidecar/format/time_format.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>

#include "sidecar/base/text.h"

namespace pillion::format {

namespace {

// A wall time taken apart once for all conversions of a format.
struct Moment {
  int64_t seconds;   // since the epoch
  uint32_t nanos;    // within the second
  std::tm calendar;  // in the wanted zone
};

Moment take_apart(WallTime time, bool local) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  auto since = time.time_since_epoch();
  auto whole = std::chrono::floor<seconds>(since);
  Moment moment{};
  moment.seconds = whole.count();
  moment.nanos =
      static_cast<uint32_t>(std::chrono::duration_cast<nanoseconds>(since - whole).count());
  auto clock = static_cast<std::time_t>(moment.seconds);
  if (local) {
    localtime_r(&clock, &moment.calendar);
  } else {
    gmtime_r(&clock, &moment.calendar);
  }
  return moment;
}

void append_padded(std::string& out, uint64_t number, unsigned width) {
  std::array<char, 20> digits;
  for (unsigned i = width; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  out.append(digits.data(), width);
}

// The first `digits` (1 to 9) digits of the second's fraction.
void append_fraction(std::string& out, uint32_t nanos, unsigned digits) {
  for (unsigned i = digits; i < 9; ++i) nanos /= 10;
  append_padded(out, nanos, digits);
}

// The fraction without trailing zeros; nothing when it is zero.
void append_shortest_fraction(std::string& out, uint32_t nanos, bool with_point) {
  if (nanos == 0) {
    if (!with_point) out += '0';
    return;
  }
  unsigned digits = 9;
  for (; nanos % 10 == 0; nanos /= 10) --digits;
  if (with_point) out += '.';
  append_padded(out, nanos, digits);
}

void append_offset(std::string& out, const std::tm& calendar, bool colon) {
  long minutes = calendar.tm_gmtoff / 60;
  out += minutes < 0 ? '-' : '+';
  auto magnitude = static_cast<uint64_t>(minutes < 0 ? -minutes : minutes);
  append_padded(out, magnitude / 60, 2);
  if (colon) out += ':';
  append_padded(out, magnitude % 60, 2);
}

void append_strftime(std::string& out, const std::tm& calendar, char modifier, char conversion) {
  char format[4] = {'%', conversion, '\0', '\0'};
  if (modifier != '\0') {
    format[1] = modifier;
    format[2] = conversion;
  }
  char text[128];
  out.append(text, std::strftime(text, sizeof(text), format, &calendar));
}

// What follows "%E"; returns how many characters were used, 0 if it is no extension of ours.
std::size_t append_extended(std::string& out, const Moment& moment, std::string_view rest) {
  if (rest.empty()) return 0;
  if (rest[0] == 'z') {
    append_offset(out, moment.calendar, true);
    return 1;
  }
  if (rest[0] == 's') {
    out += std::to_string(moment.seconds);
    return 1;
  }
  if (rest[0] == 'T') {
    out += 'T';
    return 1;
  }
  if (rest.starts_with("4Y")) {
    append_padded(out, static_cast<uint64_t>(moment.calendar.tm_year) + 1900, 4);
    return 2;
  }
  if (rest.size() < 2 || (rest[1] != 'S' && rest[1] != 'f')) return 0;
  bool seconds = rest[1] == 'S';
  if (rest[0] != '*' && !is_digit(rest[0])) return 0;
  if (seconds) append_padded(out, static_cast<uint64_t>(moment.calendar.tm_sec), 2);
  if (rest[0] == '*') {
    append_shortest_fraction(out, moment.nanos, seconds);
  } else if (rest[0] != '0') {
    if (seconds) out += '.';
    append_fraction(out, moment.nanos, static_cast<unsigned>(rest[0] - '0'));
  }
  return 2;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "3f", "3s" and, as glibc's strftime has them, widths such as "3S".
void append_with_digit(std::string& out, const Moment& moment, char digit, char conversion) {
  if (conversion == 'f') {
    append_fraction(out, moment.nanos, static_cast<unsigned>(digit - '0'));
  } else if (conversion == 's') {
    out += std::to_string(moment.seconds);
  } else {
    append_strftime(out, moment.calendar, digit, conversion);
  }
}

void append_plain(std::string& out, const Moment& moment, char conversion) {
  if (conversion == 'f') {
    append_fraction(out, moment.nanos, 9);
  } else if (conversion == 's') {
    out += std::to_string(moment.seconds);
  } else if (conversion == 'Z' && moment.calendar.tm_gmtoff == 0) {
    out += "UTC";  // gmtime_r calls it GMT
  } else {
    append_strftime(out, moment.calendar, '\0', conversion);
  }
}

// What follows '%'; returns how many characters were used.
std::size_t append_conversion(std::string& out, const Moment& moment, std::string_view rest) {
  char c = rest[0];
  bool has_second = rest.size() > 1;
  if (c == '%') {
    out += '%';
    return 1;
  }
  if (c >= '1' && c <= '9' && has_second && is_letter(rest[1])) {
    append_with_digit(out, moment, c, rest[1]);
    return 2;
  }
  if (c == 'E') {
    if (std::size_t used = append_extended(out, moment, rest.substr(1)); used != 0) return used + 1;
  }
  if ((c == 'E' || c == 'O') && has_second) {
    append_strftime(out, moment.calendar, c, rest[1]);
    return 2;
  }
  if (is_letter(c)) {
    append_plain(out, moment, c);
    return 1;
  }
  out += '%';
  return 0;
}

}  // namespace

Result<Unit, Problem> check_time_format(std::string_view format) {
  if (format.find('\n') != std::string_view::npos)
    return problem("a time format must not hold a newline");
  for (std::size_t at = format.find('%'); at != std::string_view::npos;
       at = format.find('%', at + 2)) {
    if (at + 1 == format.size()) break;
    if (format[at + 1] == 'n') return problem("a time format must not hold %n, a newline");
  }
  return Unit{};
}

void append_time(std::string& out, WallTime time, std::string_view format, bool local) {
  Moment moment = take_apart(time, local);
  while (!format.empty()) {
    std::size_t percent = format.find('%');
    out += format.substr(0, percent);
    if (percent == std::string_view::npos) return;
    format.remove_prefix(percent + 1);
    if (format.empty()) {
      out += '%';
      return;
    }
    format.remove_prefix(append_conversion(out, moment, format));
  }
}

void append_iso_time(std::string& out, WallTime time) {
  // Most lines of one second share all but the fraction, so each thread keeps the last second's
  // text.
  struct LastSecond {
    int64_t seconds = -1;
    char text[32];
    std::size_t size = 0;
  };
  thread_local LastSecond last;
  auto since = time.time_since_epoch();
  auto whole = std::chrono::floor<std::chrono::seconds>(since);
  if (whole.count() != last.seconds) {
    Moment moment = take_apart(time, false);
    last.size = std::strftime(last.text, sizeof(last.text), "%Y-%m-%dT%H:%M:%S", &moment.calendar);
    last.seconds = whole.count();
  }
  out.append(last.text, last.size);
  auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since - whole).count();
  out += '.';
  append_padded(out, static_cast<uint64_t>(millis), 3);
  out += 'Z';
}

}  // namespace pillion::format
