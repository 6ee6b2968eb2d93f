#pragma once
// An intrusive doubly linked list. A node unlinks itself when destroyed, so nothing that is in a
// list can dangle there. Single thread.

#include <cstddef>

namespace pillion {

class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T, class Tag>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

// A type that is in several lists at once inherits one TaggedNode per list.
template <class Tag = void>
class TaggedNode : public ListNode {};

template <class T, class Tag = void>
class List {
 public:
  List() { head_.next_ = head_.prev_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    while (!empty()) front().TaggedNode<Tag>::unlink();
    head_.next_ = head_.prev_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  T& front() { return owner(head_.next_); }
  T& back() { return owner(head_.prev_); }
  // An item that is in a list already moves; so to the end, even where it is there.
  void push_front(T& item) {
    node(item)->unlink();
    insert_after(&head_, node(item));
  }
  void push_back(T& item) {
    node(item)->unlink();
    insert_after(head_.prev_, node(item));
  }
  T& pop_front() {
    T& item = front();
    node(item)->unlink();
    return item;
  }

  // Calls `visit(T&)` for each; the visited item may unlink itself, no other may be removed.
  template <class F>
  void for_each(F&& visit) {
    for (ListNode* n = head_.next_; n != &head_;) {
      ListNode* next = n->next_;
      visit(owner(n));
      n = next;
    }
  }

 private:
  static ListNode* node(T& item) { return static_cast<TaggedNode<Tag>*>(&item); }
  static T& owner(ListNode* n) { return *static_cast<T*>(static_cast<TaggedNode<Tag>*>(n)); }
  static void insert_after(ListNode* at, ListNode* n) {
    n->next_ = at->next_;
    n->prev_ = at;
    at->next_->prev_ = n;
    at->next_ = n;
  }
  ListNode head_;
};

}  // namespace pillion
