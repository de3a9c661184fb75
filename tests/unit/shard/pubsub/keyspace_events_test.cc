#include "shard/pubsub/keyspace_events.h"

#include <gtest/gtest.h>

#include <string>

#include "shard/commands/pubsub_commands.h"
#include "shard/config/shard_config.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::pubsub {
namespace {

class KeyspaceEventsTest : public testing::Test {
 protected:
  KeyspaceEventsTest() {
    commands::RegisterPubSub(rig_.handlers);
    rig_.services.pubsub = &pubsub_;
    listener_ = rig_.Connect();
    client_ = rig_.Connect();
    listener_->Call("PSUBSCRIBE *");
  }
  ~KeyspaceEventsTest() override { rig_.clients.CloseAll(); }

  // What the listener hears, without the protocol: "channel message channel message".
  std::string Heard() {
    std::string text;
    int line = 0;
    const std::string raw = listener_->Poll();
    for (size_t at = 0; at < raw.size(); ++line) {
      const size_t end = raw.find("\r\n", at);
      const int part = line % 9;
      if (part == 6 || part == 8) text += (text.empty() ? "" : " ") + raw.substr(at, end - at);
      at = end + 2;
    }
    return text;
  }

  ClientRig rig_;
  PubSub pubsub_;
  KeyspaceEvents events_{rig_.keyspace, pubsub_};
  std::unique_ptr<ClientRig::Peer> listener_;
  std::unique_ptr<ClientRig::Peer> client_;
};

TEST_F(KeyspaceEventsTest, NothingUntilBothAChannelAndAClassAreAskedFor) {
  for (const uint32_t events : {uint32_t{0}, uint32_t{kEventKeyspace}, uint32_t{kEventAll}}) {
    events_.Configure(events);
    client_->Call("SET a 1");
    EXPECT_EQ(Heard(), "");
  }
}

TEST_F(KeyspaceEventsTest, BothChannels) {
  events_.Configure(kEventKeyspace | kEventString);
  client_->Call("SET a 1");
  EXPECT_EQ(Heard(), "__keyspace@0__:a set");
  events_.Configure(kEventKeyevent | kEventString);
  client_->Call("SET a 1");
  EXPECT_EQ(Heard(), "__keyevent@0__:set a");
  events_.Configure(kEventKeyspace | kEventKeyevent | kEventAll);
  client_->Call("DEL a");
  EXPECT_EQ(Heard(), "__keyspace@0__:a del __keyevent@0__:del a");
  events_.Configure(0);
  client_->Call("SET a 1");
  EXPECT_EQ(Heard(), "");
}

TEST_F(KeyspaceEventsTest, NewKeysAndMissesAreNoneOfAll) {
  events_.Configure(kEventKeyevent | kEventAll);
  client_->Call("SET a 1");
  client_->Call("GET b");
  EXPECT_EQ(Heard(), "__keyevent@0__:set a");
  events_.Configure(kEventKeyevent | kEventAll | kEventNew | kEventKeyMiss);
  client_->Call("SET c 1");
  client_->Call("GET b");
  EXPECT_EQ(Heard(), "__keyevent@0__:new c __keyevent@0__:set c __keyevent@0__:keymiss b");
}

}  // namespace
}  // namespace keyway::shard::pubsub
