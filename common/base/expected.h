// A value or the reason why there is none. Errors are values inside Keyway; they become RESP text,
// a log line or an exit code only at the edge.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <glog/logging.h>

namespace keyway {

// Why an operation failed, in words fit for an operator.
struct [[nodiscard]] Error {
  std::string message;
};

// Holds either a T or an E. Reading the side that is not there is a bug and aborts.
template <typename T, typename E = Error>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Expected(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return Checked(); }
  const T& value() const& { return const_cast<Expected*>(this)->Checked(); }
  T&& value() && { return std::move(Checked()); }
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &value(); }

  const E& error() const {
    CHECK(!ok()) << "error() of a value";
    return std::get<1>(state_);
  }

 private:
  T& Checked() {
    CHECK(ok()) << "value() of an error";
    return std::get<0>(state_);
  }

  std::variant<T, E> state_;
};

// Success, or the reason for failure.
template <typename E>
class [[nodiscard]] Expected<void, E> {
 public:
  Expected() = default;
  Expected(E error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const E& error() const {
    CHECK(!ok()) << "error() of a success";
    return *error_;
  }

 private:
  std::optional<E> error_;
};

using Status = Expected<void, Error>;

}  // namespace keyway
