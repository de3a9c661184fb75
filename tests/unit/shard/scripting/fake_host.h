// A ScriptHost outside of any server: every command is answered with what the test says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shard/scripting/lua/script_host.h"

namespace keyway::shard::scripting {

class FakeHost final : public ScriptHost {
 public:
  void CallCommand(std::span<const std::string_view> args, resp::Version /*version*/,
                   OutputBuffer& reply) override {
    calls.emplace_back(args.begin(), args.end());
    reply.Append(answer);
  }
  Permission MayCall(std::span<const std::string_view> /*args*/) override {
    return Permission::kAllowed;
  }
  void SetReplication(uint8_t /*targets*/) override {}
  void Log(ScriptLogLevel /*level*/, std::string_view text) override { logged.emplace_back(text); }
  std::string_view Interrupt() override { return {}; }

  std::string answer = "+OK\r\n";
  std::vector<std::vector<std::string>> calls;
  std::vector<std::string> logged;
};

}  // namespace keyway::shard::scripting
