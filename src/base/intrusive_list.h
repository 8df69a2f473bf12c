// A doubly linked list whose links live in its elements: no allocation, O(1) removal. An element
// may be in one list per link. Removing an element that is in no list is allowed and does nothing.
#pragma once

#include <cstddef>

#include "base/assert.h"

namespace headrace::base {

struct ListLink {
  ListLink* next = nullptr;
  ListLink* previous = nullptr;

  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { HEADRACE_ASSERT(!linked()); }

  bool linked() const { return next != nullptr; }

  void unlink() {
    if (!linked()) return;
    next->previous = previous;
    previous->next = next;
    next = previous = nullptr;
  }
};

// `Owner` is the element type, `Link` the member that links it: IntrusiveList<Socket,
// &Socket::dirty_link>.
template <typename Owner, ListLink Owner::* Link>
class IntrusiveList {
 public:
  IntrusiveList() { root_.next = root_.previous = &root_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    HEADRACE_ASSERT(empty());
    root_.next = root_.previous = nullptr;
  }

  bool empty() const { return root_.next == &root_; }

  void push_back(Owner& owner) { insert_before(root_, owner.*Link); }
  void push_front(Owner& owner) { insert_before(*root_.next, owner.*Link); }

  Owner* front() { return empty() ? nullptr : owner_of(root_.next); }
  Owner* back() { return empty() ? nullptr : owner_of(root_.previous); }
  Owner* after(Owner& owner) {
    ListLink* next = (owner.*Link).next;
    return next == &root_ ? nullptr : owner_of(next);
  }

  Owner* pop_front() {
    Owner* owner = front();
    if (owner != nullptr) (owner->*Link).unlink();
    return owner;
  }

  // Moves every element of `other` to the end of this list.
  void take_all(IntrusiveList& other) {
    while (Owner* owner = other.pop_front()) push_back(*owner);
  }

 private:
  static void insert_before(ListLink& place, ListLink& link) {
    HEADRACE_ASSERT(!link.linked());
    link.next = &place;
    link.previous = place.previous;
    place.previous->next = &link;
    place.previous = &link;
  }

  static Owner* owner_of(ListLink* link) {
    const auto offset = reinterpret_cast<std::size_t>(&(static_cast<Owner*>(nullptr)->*Link));
    return reinterpret_cast<Owner*>(reinterpret_cast<char*>(link) - offset);
  }

  ListLink root_;
};

}  // namespace headrace::base
