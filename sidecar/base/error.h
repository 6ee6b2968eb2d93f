#pragma once
// What failed, whose fault it was, and whether it may be tried again: the one error type of the
// data path, and Result<T>, the one way to return it. Errors are values; nothing here throws.
// Result has std::expected's names, which neither g++ 12 nor clang 14 offers in C++20.

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace pillion {

enum class Code : uint8_t {
  kTimeout,
  kReset,
  kRefused,
  kTls,
  kProtocol,
  kOverload,
  kDenied,
  kNotFound,
  kConfig
};

enum class Origin : uint8_t { kDownstream, kUpstream, kSelf };

// Sixteen bytes, copied freely. `what` points to a string with static storage.
struct Error {
  Code code;
  Origin origin;
  bool retriable;
  const char* what;
};
static_assert(sizeof(Error) == 16 && std::is_trivially_copyable_v<Error>);

// An error for people, at start-up and in configuration: says what is wrong and what to do.
struct Problem {
  std::string message;
};

struct Unit {};

template <class E>
class Unexpected {
 public:
  explicit Unexpected(E error) : error_(std::move(error)) {}
  E& error() { return error_; }

 private:
  E error_;
};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = E;

  // Implicit from a value or an error, so that `return value;` and `return fail(...)` read well.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT
  Result(Unexpected<E> error)                                            // NOLINT
      : state_(std::in_place_index<1>, std::move(error.error())) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const E& error() const { return std::get<1>(state_); }
  E& error() { return std::get<1>(state_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, E> state_;
};

inline Unexpected<Error> fail(Error error) {
  return Unexpected<Error>(error);
}
inline Unexpected<Problem> problem(std::string message) {
  return Unexpected<Problem>(Problem{std::move(message)});
}

}  // namespace pillion

// Evaluates an expression of type Result<T, E>; on error returns it from the enclosing function,
// else binds the value: TRY(auto head, parse(buffer));
#define PILLION_JOIN2(a, b) a##b
#define PILLION_JOIN(a, b) PILLION_JOIN2(a, b)
#define TRY(declaration, expression)                                               \
  auto PILLION_JOIN(try_, __LINE__) = (expression);                                \
  if (!PILLION_JOIN(try_, __LINE__))                                               \
    return ::pillion::Unexpected(std::move(PILLION_JOIN(try_, __LINE__).error())); \
  declaration = *std::move(PILLION_JOIN(try_, __LINE__))
