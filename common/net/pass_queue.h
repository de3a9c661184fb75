// Things to do at the end of a pass of the loop: a list of items that their owners embed, so that
// adding one allocates nothing and an owner that goes away takes its item out from wherever it is.
#pragma once

namespace keyway::net {

struct PassItem {
  PassItem(void (*run_function)(void*), void* run_owner) : run(run_function), owner(run_owner) {}
  ~PassItem() { Remove(); }
  PassItem(const PassItem&) = delete;
  PassItem& operator=(const PassItem&) = delete;

  bool queued() const { return next != nullptr; }
  void Remove() {
    if (next == nullptr) return;
    previous->next = next;
    next->previous = previous;
    next = previous = nullptr;
  }

  void (*run)(void* owner);
  void* owner;
  PassItem* previous = nullptr;
  PassItem* next = nullptr;
};

class PassQueue {
 public:
  PassQueue() { Reset(&head_); }
  ~PassQueue() {
    while (!empty()) head_.next->Remove();
    head_.next = nullptr;
  }
  PassQueue(const PassQueue&) = delete;
  PassQueue& operator=(const PassQueue&) = delete;

  bool empty() const { return head_.next == &head_; }

  // Does nothing when `item` is already in a queue.
  void Add(PassItem* item) {
    if (item->queued()) return;
    item->previous = head_.previous;
    item->next = &head_;
    head_.previous->next = item;
    head_.previous = item;
  }

  // Runs, in order, the items that are there now. What they add waits for the next call.
  void Run() {
    if (empty()) return;
    PassItem batch(nullptr, nullptr);
    batch.next = head_.next;
    batch.previous = head_.previous;
    batch.next->previous = &batch;
    batch.previous->next = &batch;
    Reset(&head_);
    while (batch.next != &batch) {
      PassItem* item = batch.next;
      item->Remove();
      item->run(item->owner);
    }
    batch.next = nullptr;
  }

 private:
  static void Reset(PassItem* head) { head->next = head->previous = head; }

  PassItem head_{nullptr, nullptr};
};

}  // namespace keyway::net
