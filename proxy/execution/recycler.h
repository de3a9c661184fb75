// Objects that are used again instead of freed.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace keyway::proxy::execution {

// Keeps up to `kept` spare objects; those in use are the callers'. One thread.
template <typename T>
class Recycler {
 public:
  explicit Recycler(size_t kept) : kept_(kept) {}

  template <typename... Arguments>
  T* Take(Arguments&&... arguments) {
    if (spare_.empty()) return new T(std::forward<Arguments>(arguments)...);
    T* object = spare_.back().release();
    spare_.pop_back();
    return object;
  }
  void Return(T* object) {
    std::unique_ptr<T> owned(object);
    if (spare_.size() < kept_) spare_.push_back(std::move(owned));
  }

 private:
  const size_t kept_;
  std::vector<std::unique_ptr<T>> spare_;
};

}  // namespace keyway::proxy::execution
