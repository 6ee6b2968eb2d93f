#pragma once
// A move-only callable with room for a few captured words and no heap in the common case: what
// std::move_only_function will be in C++23. Larger captures go to the heap.

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace pillion {

template <class Signature>
class Function;

template <class R, class... Args>
class Function<R(Args...)> {
  static constexpr std::size_t kInline = 4 * sizeof(void*);
  struct Ops {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to);
    void (*destroy)(void*);
  };

 public:
  Function() = default;
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, Function> &&
                                              std::is_invocable_r_v<R, std::decay_t<F>&, Args...>>>
  Function(F&& callable) {  // NOLINT(google-explicit-constructor): a lambda is a Function
    using Callable = std::decay_t<F>;
    if constexpr (sizeof(Callable) <= kInline && alignof(Callable) <= alignof(void*) &&
                  std::is_nothrow_move_constructible_v<Callable>) {
      new (storage_) Callable(std::forward<F>(callable));
      ops_ = &kInlineOps<Callable>;
    } else {
      *reinterpret_cast<Callable**>(storage_) = new Callable(std::forward<F>(callable));
      ops_ = &kHeapOps<Callable>;
    }
  }
  Function(Function&& other) noexcept { take(other); }
  Function& operator=(Function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;
  ~Function() { reset(); }

  explicit operator bool() const { return ops_ != nullptr; }
  R operator()(Args... args) { return ops_->call(storage_, std::forward<Args>(args)...); }

 private:
  template <class C>
  static constexpr Ops kInlineOps = {[](void* s, Args&&... args) -> R {
                                       return (*static_cast<C*>(s))(std::forward<Args>(args)...);
                                     },
                                     [](void* from, void* to) {
                                       new (to) C(std::move(*static_cast<C*>(from)));
                                       static_cast<C*>(from)->~C();
                                     },
                                     [](void* s) { static_cast<C*>(s)->~C(); }};
  template <class C>
  static constexpr Ops kHeapOps = {
      [](void* s, Args&&... args) -> R {
        return (**static_cast<C**>(s))(std::forward<Args>(args)...);
      },
      [](void* from, void* to) { *static_cast<C**>(to) = *static_cast<C**>(from); },
      [](void* s) { delete *static_cast<C**>(s); }};

  void take(Function& other) {
    ops_ = other.ops_;
    if (ops_ != nullptr) ops_->move(other.storage_, storage_);
    other.ops_ = nullptr;
  }
  void reset() {
    if (ops_ != nullptr) ops_->destroy(storage_);
    ops_ = nullptr;
  }

  const Ops* ops_ = nullptr;
  alignas(void*) unsigned char storage_[kInline];
};

}  // namespace pillion
