#include "shard/server/effects.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shard/keyspace/database.h"
#include "shard/types/string.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard {
namespace {

using keyspace::Event;
using keyspace::Key;

// Units as "0 SET a 1 | 0 DEL b", without what is not for its target.
class Recorder final : public EffectSink {
 public:
  Recorder(Effects& effects, uint8_t target) : effects_(effects), target_(target) {
    effects_.AddSink(*this, target);
  }
  ~Recorder() override { effects_.RemoveSink(*this); }

  void OnUnit(std::span<const Effect> effects) override {
    std::string text;
    for (const Effect& effect : effects) {
      if ((effect.targets & target_) == 0) continue;
      if (!text.empty()) text += " | ";
      text += std::to_string(effect.db);
      for (const std::string_view arg : effect.args) text.append(" ").append(arg);
    }
    units.push_back(text);
  }

  std::vector<std::string> Take() { return std::exchange(units, {}); }

  std::vector<std::string> units;

 private:
  Effects& effects_;
  const uint8_t target_;
};

using Units = std::vector<std::string>;

class EffectsTest : public testing::Test {
 protected:
  EffectsTest() : effects_(rig_.keyspace, rig_.config) { rig_.services.effects = &effects_; }

  ClientRig rig_;
  Effects effects_;
};

TEST_F(EffectsTest, ACommandThatChangesSomethingIsAUnitAsItWasCalled) {
  const auto peer = rig_.Connect();
  peer->Call("SET before 1");
  Recorder recorder(effects_, kEffectAof);
  peer->Call("sEt a 1");
  peer->Call("GET a");
  peer->Call("DEL b");
  peer->Call("SELECT 2");
  peer->Call("RPUSH l x y");
  EXPECT_EQ(recorder.Take(), (Units{"0 sEt a 1", "2 RPUSH l x y"}));
}

TEST_F(EffectsTest, NobodyIsToldOnceTheSinkIsGone) {
  const auto peer = rig_.Connect();
  {
    Recorder recorder(effects_, kEffectAof);
    EXPECT_TRUE(effects_.wanted());
  }
  EXPECT_FALSE(effects_.wanted());
  peer->Call("SET a 1");
}

TEST_F(EffectsTest, HandlersSayWhatStandsForTheRequest) {
  Recorder recorder(effects_, kEffectAof);
  const auto peer = rig_.Connect();
  peer->Call("SET a 1 PXAT 99999999999999 XX");
  peer->Call("SET a 1 EXAT 99999999999");
  peer->Call("INCRBYFLOAT a 1.5");
  peer->Call("PEXPIREAT a 1");
  EXPECT_EQ(recorder.Take(),
            (Units{"0 SET a 1 PXAT 99999999999000", "0 SET a 2.5 KEEPTTL", "0 DEL a"}));
}

TEST_F(EffectsTest, ATransactionIsOneUnit) {
  Recorder recorder(effects_, kEffectAof);
  const auto peer = rig_.Connect();
  for (const char* request : {"MULTI", "SET a 1", "GET a", "SELECT 3", "INCRBYFLOAT a 2", "EXEC"}) {
    peer->Call(request);
  }
  EXPECT_EQ(recorder.Take(), (Units{"0 MULTI | 0 SET a 1 | 3 SET a 2 KEEPTTL | 3 EXEC"}));
  for (const char* request : {"MULTI", "SET a 1", "GET a", "EXEC"}) peer->Call(request);
  EXPECT_EQ(recorder.Take(), (Units{"3 SET a 1"}));
  for (const char* request : {"MULTI", "GET a", "EXEC"}) peer->Call(request);
  EXPECT_EQ(recorder.Take(), Units{});
}

TEST_F(EffectsTest, AClientThatHasWaitedMakesAUnitOfItsOwn) {
  Recorder recorder(effects_, kEffectAof);
  const auto peer = rig_.Connect();
  const auto waiting = rig_.Connect();
  waiting->Send("BLPOP l 0");
  for (const char* request : {"MULTI", "RPUSH l 1", "RPUSH l 2", "EXEC"}) peer->Call(request);
  EXPECT_EQ(recorder.Take(), (Units{"0 MULTI | 0 RPUSH l 1 | 0 RPUSH l 2 | 0 EXEC", "0 LPOP l"}));
}

class EffectsOfExpiryTest : public EffectsTest {
 protected:
  void SetExpired(std::string_view name) {
    rig_.keyspace.database(0).Set(Key(name), types::EncodeString("1"), 1, 0, Event::kSet);
  }
};

TEST_F(EffectsOfExpiryTest, AKeyThatHasExpiredGoesBeforeTheCommand) {
  SetExpired("a");
  SetExpired("b");
  Recorder recorder(effects_, kEffectAof);
  const auto peer = rig_.Connect();
  peer->Call("SET a 1");
  EXPECT_EQ(recorder.Take(), (Units{"0 MULTI | 0 DEL a | 0 SET a 1 | 0 EXEC"}));
  rig_.config.lazyfree_lazy_expire = true;
  peer->Call("GET b");
  EXPECT_EQ(recorder.Take(), (Units{"0 UNLINK b"}));
}

TEST_F(EffectsOfExpiryTest, KeysThatGoByThemselvesAreAUnitEach) {
  SetExpired("a");
  SetExpired("b");
  rig_.keyspace.database(0).Set(Key("c"), types::EncodeString("1"), keyspace::kNoExpiry, 1,
                                Event::kSet);
  Recorder recorder(effects_, kEffectReplicas);
  rig_.keyspace.ActiveExpire(1'000'000, 1);
  Units units = recorder.Take();
  std::sort(units.begin(), units.end());
  EXPECT_EQ(units, (Units{"0 DEL a", "0 DEL b"}));
  rig_.config.lazyfree_lazy_eviction = true;
  rig_.keyspace.database(0).Evict(Key("c"), false, keyspace::Reclaim::kNow);
  EXPECT_EQ(recorder.Take(), (Units{"0 UNLINK c"}));
}

// As the dispatcher does it around the calls of a script.
class ScriptedCallTest : public EffectsTest {
 protected:
  void Change() { ++rig_.keyspace.stats().changes; }
  void CallOne(std::string_view word) {
    CallEffects call(effects_, 0, CallEffects::Kind::kScripted);
    Change();
    const std::string_view args[] = {word};
    call.End(args);
  }
  static constexpr std::string_view kEval[] = {"EVAL"};
};

TEST_F(ScriptedCallTest, ObeysSetRepl) {
  Recorder aof(effects_, kEffectAof);
  Recorder replicas(effects_, kEffectReplicas);
  CallEffects eval(effects_, 0, CallEffects::Kind::kFrame);
  CallOne("both");
  effects_.set_script_targets(kEffectAof);
  CallOne("aof");
  effects_.set_script_targets(kEffectReplicas);
  CallOne("replicas");
  effects_.set_script_targets(kEffectNobody);
  CallOne("nobody");
  {
    CallEffects call(effects_, 0, CallEffects::Kind::kScripted);
    call.Add({"XCLAIM", int64_t{7}});
    call.Replace({"SET"});
    call.End(kEval);
  }
  eval.End(kEval);
  EXPECT_EQ(aof.Take(), (Units{"0 MULTI | 0 both | 0 aof | 0 XCLAIM 7 | 0 EXEC"}));
  EXPECT_EQ(replicas.Take(), (Units{"0 MULTI | 0 both | 0 replicas | 0 XCLAIM 7 | 0 EXEC"}));
  // The next script starts anew.
  CallEffects next(effects_, 0, CallEffects::Kind::kFrame);
  CallOne("one");
  next.End(kEval);
  EXPECT_EQ(aof.Take(), (Units{"0 one"}));
}

TEST_F(ScriptedCallTest, WhatNobodyListensToIsNotCollected) {
  Recorder aof(effects_, kEffectAof);
  CallEffects eval(effects_, 0, CallEffects::Kind::kFrame);
  effects_.set_script_targets(kEffectReplicas);
  CallOne("replicas");
  effects_.set_script_targets(kEffectAll);
  CallOne("both");
  eval.End(kEval);
  EXPECT_EQ(aof.Take(), (Units{"0 both"}));
}

// While a script stands aside others may ask how it goes.
TEST_F(ScriptedCallTest, OtherCallsInBetweenDoNotEndTheUnit) {
  Recorder aof(effects_, kEffectAof);
  CallEffects eval(effects_, 0, CallEffects::Kind::kFrame);
  CallOne("first");
  {
    CallEffects other(effects_, 0, CallEffects::Kind::kCommand);
    other.End(kEval);
  }
  CallOne("second");
  EXPECT_EQ(aof.Take(), Units{});
  eval.End(kEval);
  EXPECT_EQ(aof.Take(), (Units{"0 MULTI | 0 first | 0 second | 0 EXEC"}));
}

TEST_F(ScriptedCallTest, ASinkMayComeAndGoInTheMiddle) {
  CallOne("before");  // as the dispatcher would not do: nobody listens
  auto aof = std::make_unique<Recorder>(effects_, kEffectAof);
  CallOne("alone");
  CallEffects eval(effects_, 0, CallEffects::Kind::kFrame);
  CallOne("inside");
  EXPECT_EQ(aof->Take(), (Units{"0 alone"}));
  aof.reset();
  eval.End(kEval);
  Recorder next(effects_, kEffectAof);
  CallOne("later");
  EXPECT_EQ(next.Take(), (Units{"0 later"}));
}

TEST_F(ScriptedCallTest, ForcedWithoutAChange) {
  Recorder aof(effects_, kEffectAof);
  Recorder replicas(effects_, kEffectReplicas);
  CallEffects call(effects_, 4, CallEffects::Kind::kCommand);
  call.Force(kEffectReplicas);
  const std::string_view args[] = {"PUBLISH", "c", "m"};
  call.End(args);
  EXPECT_EQ(aof.Take(), Units{});
  EXPECT_EQ(replicas.Take(), (Units{"4 PUBLISH c m"}));
}

TEST(EffectEncoderTest, SelectsDatabases) {
  const std::string_view multi[] = {"MULTI"};
  const std::string_view del[] = {"DEL", "a\r\n"};
  const std::string_view exec[] = {"EXEC"};
  const Effect unit[] = {{2, kEffectAll, multi},
                         {2, kEffectReplicas, del},
                         {3, kEffectAof, del},
                         {3, kEffectAll, exec}};
  EffectEncoder encoder(kEffectAof);
  std::string text;
  encoder.Append(unit, &text);
  EXPECT_EQ(text,
            "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*1\r\n$5\r\nMULTI\r\n"
            "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$3\r\nDEL\r\n$3\r\na\r\n\r\n"
            "*1\r\n$4\r\nEXEC\r\n");
  text.clear();
  encoder.Append(std::span(unit).subspan(3), &text);
  EXPECT_EQ(text, "*1\r\n$4\r\nEXEC\r\n");
  encoder.ForgetDatabase();
  text.clear();
  encoder.Append(std::span(unit).subspan(3), &text);
  EXPECT_EQ(text, "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$4\r\nEXEC\r\n");
}

}  // namespace
}  // namespace keyway::shard
