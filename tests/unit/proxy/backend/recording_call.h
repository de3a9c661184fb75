#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/backend/backend.h"

namespace keyway::proxy::backend {

// Keeps what became of it.
class RecordingCall final : public Call {
 public:
  ~RecordingCall() override { Cancel(); }

  void OnReply(std::string_view reply, char reply_type) override {
    ++ended;
    result = std::string(reply);
    type = reply_type;
    if (then) then();
  }
  void OnFailure(Failure why, std::string_view text) override {
    ++ended;
    failed = true;
    failure = why;
    result = std::string(text);
    if (then) then();
  }

  int ended = 0;
  bool failed = false;
  Failure failure = Failure::kConnect;
  std::string result;
  char type = 0;
  std::function<void()> then;
};

}  // namespace keyway::proxy::backend
