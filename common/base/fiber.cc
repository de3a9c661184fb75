#include "common/base/fiber.h"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <utility>

#include <glog/logging.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace keyway {
namespace {

// The address sanitizer wants to know which stack is in use.
struct StackBounds {
  const void* bottom = nullptr;
  size_t bytes = 0;
};

#if defined(__SANITIZE_ADDRESS__)
void StartSwitch(void** fake_stack, const StackBounds& to) {
  __sanitizer_start_switch_fiber(fake_stack, to.bottom, to.bytes);
}
void FinishSwitch(void* fake_stack, StackBounds* from) {
  __sanitizer_finish_switch_fiber(fake_stack, &from->bottom, &from->bytes);
}
#else
void StartSwitch(void** /*fake_stack*/, const StackBounds& /*to*/) {}
void FinishSwitch(void* /*fake_stack*/, StackBounds* /*from*/) {}
#endif

}  // namespace

struct Fiber::Impl {
  explicit Impl(size_t stack_bytes) : allocator(stack_bytes), stack(allocator.allocate()) {
    own.bottom = static_cast<char*>(stack.sp) - stack.size;
    own.bytes = stack.size;
    other = boost::context::fiber(
        std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack), allocator,
        [this](boost::context::fiber&& from) { return Loop(std::move(from)); });
  }

  // What the other stack does as long as it lives: one body after the other.
  boost::context::fiber Loop(boost::context::fiber&& first_caller) {
    FinishSwitch(nullptr, &callers);
    caller = std::move(first_caller);
    while (!quit) {
      body();
      body = nullptr;
      ended = true;
      BackToCaller();
    }
    // For the last time: the address sanitizer frees what it keeps for this stack.
    StartSwitch(nullptr, callers);
    return std::move(caller);
  }

  void BackToCaller() {
    void* fake_stack = nullptr;
    StartSwitch(&fake_stack, callers);
    caller = std::move(caller).resume();
    FinishSwitch(fake_stack, &callers);
  }

  void Enter() {
    void* fake_stack = nullptr;
    StackBounds ignored;
    StartSwitch(&fake_stack, own);
    inside = true;
    other = std::move(other).resume();
    inside = false;
    FinishSwitch(fake_stack, &ignored);
  }

  boost::context::protected_fixedsize_stack allocator;
  boost::context::stack_context stack;
  StackBounds own;
  StackBounds callers;
  boost::context::fiber other;   // valid outside of it
  boost::context::fiber caller;  // valid inside
  std::function<void()> body;
  bool inside = false;
  bool ended = true;
  bool quit = false;
};

Fiber::Fiber(size_t stack_bytes) : impl_(std::make_unique<Impl>(stack_bytes)) {}

Fiber::~Fiber() {
  CHECK(!suspended());
  impl_->quit = true;
  impl_->Enter();
}

bool Fiber::Run(std::function<void()> body) {
  CHECK(!suspended() && !inside());
  impl_->body = std::move(body);
  impl_->ended = false;
  impl_->Enter();
  return impl_->ended;
}

bool Fiber::Resume() {
  CHECK(suspended() && !inside());
  impl_->Enter();
  return impl_->ended;
}

void Fiber::Suspend() {
  CHECK(inside());
  impl_->BackToCaller();
}

bool Fiber::inside() const {
  return impl_->inside;
}

bool Fiber::suspended() const {
  return !impl_->ended && !impl_->inside;
}

}  // namespace keyway
