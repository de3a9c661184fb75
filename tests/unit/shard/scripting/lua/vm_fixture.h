// An interpreter whose commands answer what the test says, and whose replies are strings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/output_buffer.h"
#include "common/resp/reply_writer.h"
#include "shard/scripting/lua/script_host.h"
#include "shard/scripting/lua/vm.h"

namespace keyway::shard::scripting {

class RecordingHost final : public ScriptHost {
 public:
  void CallCommand(std::span<const std::string_view> args, resp::Version version,
                   OutputBuffer& reply) override {
    calls.emplace_back(args.begin(), args.end());
    last_version = version;
    reply.Append(answer);
  }
  Permission MayCall(std::span<const std::string_view> /*args*/) override { return permission; }
  void SetReplication(uint8_t targets) override { replication = targets; }
  bool HasRetiredFunctions() const override { return retired_functions; }
  void Log(ScriptLogLevel level, std::string_view text) override {
    logged = std::to_string(static_cast<int>(level)) + ":" + std::string(text);
  }
  std::string_view Interrupt() override {
    return ++interrupts > patience ? std::string_view("enough") : std::string_view();
  }

  std::string answer = "+OK\r\n";
  std::vector<std::vector<std::string>> calls;
  resp::Version last_version = resp::Version::kResp2;
  Permission permission = Permission::kAllowed;
  int replication = -1;
  bool retired_functions = false;
  std::string logged;
  int interrupts = 0;
  int patience = INT32_MAX;
};

class VmFixture : public testing::Test {
 protected:
  // Compiles and calls a script named "sha".
  std::string Eval(std::string_view script, std::span<const std::string_view> keys = {},
                   std::span<const std::string_view> arguments = {}) {
    OutputBuffer out;
    resp::ReplyWriter reply(out, version);
    auto function = scripts.Compile(script);
    if (!function.ok()) return function.error().message;
    scripts.Call({.function = *function,
                  .name = "sha",
                  .keys = keys,
                  .arguments = arguments,
                  .interruptible = interruptible},
                 reply);
    scripts.Release(*function);
    errors = reply.errors();
    errors_again = reply.errors_again();
    return out.ToString();
  }

  // Loads code of a library, keeps its functions; "" or the error.
  std::string Load(std::string_view code, int64_t timeout_ms = 0) {
    auto result = libraries.Load(code, timeout_ms);
    if (!result.ok()) return result.error().message;
    functions = result.value();
    return {};
  }
  // Calls the first function of the last library.
  std::string CallFunction(std::span<const std::string_view> keys = {},
                           std::span<const std::string_view> arguments = {}) {
    OutputBuffer out;
    resp::ReplyWriter reply(out, version);
    libraries.Call({.function = functions.at(0).function,
                    .name = functions.at(0).name,
                    .keys = keys,
                    .arguments = arguments},
                   reply);
    return out.ToString();
  }

  RecordingHost host;
  Vm scripts{Vm::Purpose::kScripts, host};
  Vm libraries{Vm::Purpose::kLibraries, host};
  resp::Version version = resp::Version::kResp2;
  bool interruptible = true;
  uint32_t errors = 0;
  uint32_t errors_again = 0;
  std::vector<RegisteredFunction> functions;
};

}  // namespace keyway::shard::scripting
