// A doubly linked list whose links live in the elements: adding and removing allocate nothing, and
// an element leaves whatever list it is in without knowing which.
#pragma once

#include <cstddef>

#include <glog/logging.h>

namespace keyway::proxy::execution {

// A base of the elements. `Tag` tells the lists of an element apart.
template <typename Tag>
class ListLink {
 public:
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { Unlink(); }

  bool linked() const { return next_ != this; }
  void Unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = this;
  }

 private:
  template <typename T, typename OtherTag>
  friend class IntrusiveList;

  ListLink* next_ = this;
  ListLink* previous_ = this;
};

// Does not own its elements.
template <typename T, typename Tag>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return !head_.linked(); }
  // The list is not empty.
  T& front() { return static_cast<T&>(*head_.next_); }
  // `element` is in no list with this tag.
  void PushBack(T& element) {
    ListLink<Tag>& link = element;
    DCHECK(!link.linked());
    link.previous_ = head_.previous_;
    link.next_ = &head_;
    head_.previous_->next_ = &link;
    head_.previous_ = &link;
  }
  // Puts `element` behind all that are not greater than it. Looks from the end, as it
  // mostly belongs there or at the front.
  template <typename Less>
  void InsertSorted(T& element, Less less) {
    ListLink<Tag>& link = element;
    DCHECK(!link.linked());
    ListLink<Tag>* before = head_.previous_;
    if (!empty() && less(element, front())) before = &head_;
    while (before != &head_ && less(element, static_cast<T&>(*before))) before = before->previous_;
    link.previous_ = before;
    link.next_ = before->next_;
    before->next_->previous_ = &link;
    before->next_ = &link;
  }
  // Moves all of `other` to the end.
  void Splice(IntrusiveList& other) {
    if (other.empty()) return;
    ListLink<Tag>* first = other.head_.next_;
    ListLink<Tag>* last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
  }

  // `visit` may unlink the element it is given, and no other.
  template <typename Visit>
  void ForEach(Visit visit) {
    for (ListLink<Tag>* link = head_.next_; link != &head_;) {
      ListLink<Tag>* next = link->next_;
      visit(static_cast<T&>(*link));
      link = next;
    }
  }

 private:
  ListLink<Tag> head_;
};

}  // namespace keyway::proxy::execution
