#include "shard/replication/handshake.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace keyway::shard::replication {
namespace {

using Outcome = Handshake::Outcome;

constexpr char kId[] = "0123456789abcdef0123456789abcdef01234567";
constexpr char kOtherId[] = "fedcba9876543210fedcba9876543210fedcba98";
const std::string kPort = EncodeRequest({"REPLCONF", "listening-port", "7000"});
const std::string kCapabilities = EncodeRequest({"REPLCONF", "capa", "eof", "capa", "psync2"});

// A primary that says what it is told to.
class Conversation {
 public:
  explicit Conversation(Handshake::Options options) : handshake_(std::move(options)) {
    sent_ = handshake_.Begin();
  }

  Outcome Say(std::string_view line) {
    sent_.clear();
    return handshake_.OnLine(line, &sent_);
  }
  // Up to what PSYNC is answered with, all of which is refused.
  std::string SkipToPsync() {
    EXPECT_EQ(Say("+PONG"), Outcome::kGoOn);
    EXPECT_EQ(Say("-ERR unknown command"), Outcome::kGoOn);
    EXPECT_EQ(sent_, "");
    EXPECT_EQ(Say("-ERR unknown command"), Outcome::kGoOn);
    return sent_;
  }
  const std::string& sent() const { return sent_; }
  const Handshake& handshake() const { return handshake_; }

 private:
  Handshake handshake_;
  std::string sent_;
};

Handshake::Options Plain() {
  return {.user = "", .password = "", .port = 7000, .ip = "", .history = std::nullopt};
}

Handshake::Options WithHistory() {
  Handshake::Options options = Plain();
  options.history = StreamHistory{kId, 100, 3};
  return options;
}

TEST(HandshakeTest, BeginsWithPing) {
  Conversation primary(Plain());
  EXPECT_EQ(primary.sent(), "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(primary.Say("+PONG"), Outcome::kGoOn);
  EXPECT_EQ(primary.sent(), kPort + kCapabilities);
}

TEST(HandshakeTest, ErrorsThatAskForAPasswordAreNoMatter) {
  for (const char* line : {"-NOAUTH Authentication required.", "-NOPERM no",
                           "-ERR operation not permitted"}) {
    Conversation primary(Plain());
    EXPECT_EQ(primary.Say(line), Outcome::kGoOn) << line;
  }
  for (const char* line : {"-ERR other", "-LOADING", "", "$5", "PONG"}) {
    Conversation primary(Plain());
    EXPECT_EQ(primary.Say(line), Outcome::kFailed) << line;
    EXPECT_EQ(primary.sent(), "");
  }
}

TEST(HandshakeTest, AuthenticatesInBothForms) {
  Handshake::Options options = Plain();
  options.password = "secret";
  Conversation old_form(options);
  EXPECT_EQ(old_form.Say("-NOAUTH"), Outcome::kGoOn);
  EXPECT_EQ(old_form.sent(), EncodeRequest({"AUTH", "secret"}) + kPort + kCapabilities);
  EXPECT_EQ(old_form.Say("-WRONGPASS"), Outcome::kFailed);

  options.user = "me";
  options.ip = "10.0.0.1";
  Conversation new_form(options);
  EXPECT_EQ(new_form.Say("+PONG"), Outcome::kGoOn);
  EXPECT_EQ(new_form.sent(), EncodeRequest({"AUTH", "me", "secret"}) + kPort +
                                 EncodeRequest({"REPLCONF", "ip-address", "10.0.0.1"}) +
                                 kCapabilities);
  for (int line = 0; line < 3; ++line) EXPECT_EQ(new_form.Say("+OK"), Outcome::kGoOn);
  EXPECT_EQ(new_form.sent(), "");
  EXPECT_EQ(new_form.Say("+OK"), Outcome::kGoOn);
  EXPECT_EQ(new_form.sent(), EncodeRequest({"PSYNC", "?", "-1"}));
}

TEST(HandshakeTest, AUserWithoutPasswordIsNotSaid) {
  Handshake::Options options = Plain();
  options.user = "me";
  Conversation primary(options);
  EXPECT_EQ(primary.Say("+PONG"), Outcome::kGoOn);
  EXPECT_EQ(primary.sent(), kPort + kCapabilities);
}

TEST(HandshakeTest, AsksForTheNextByte) {
  Conversation primary(WithHistory());
  EXPECT_EQ(primary.SkipToPsync(), EncodeRequest({"PSYNC", kId, "101"}));
  EXPECT_EQ(primary.Say(""), Outcome::kGoOn);  // it is there still
  EXPECT_EQ(primary.Say(""), Outcome::kGoOn);
  EXPECT_EQ(primary.Say("+CONTINUE"), Outcome::kContinue);
  EXPECT_EQ(primary.handshake().new_id(), "");
  EXPECT_EQ(primary.sent(), "");
}

TEST(HandshakeTest, HearsOfANewId) {
  Conversation primary(WithHistory());
  primary.SkipToPsync();
  EXPECT_EQ(primary.Say(std::string("+CONTINUE ") + kOtherId), Outcome::kContinue);
  EXPECT_EQ(primary.handshake().new_id(), kOtherId);

  Conversation same(WithHistory());
  same.SkipToPsync();
  EXPECT_EQ(same.Say(std::string("+CONTINUE ") + kId), Outcome::kContinue);
  EXPECT_EQ(same.handshake().new_id(), "");

  Conversation odd(WithHistory());
  odd.SkipToPsync();
  EXPECT_EQ(odd.Say("+CONTINUE abc"), Outcome::kContinue);
  EXPECT_EQ(odd.handshake().new_id(), "");
}

TEST(HandshakeTest, NothingToContinue) {
  Conversation primary(Plain());
  primary.SkipToPsync();
  EXPECT_EQ(primary.Say("+CONTINUE"), Outcome::kFailed);
}

TEST(HandshakeTest, FullSync) {
  Conversation primary(WithHistory());
  primary.SkipToPsync();
  EXPECT_EQ(primary.Say(std::string("+FULLRESYNC ") + kOtherId + " 12345678901"),
            Outcome::kFullSync);
  EXPECT_EQ(primary.handshake().id(), kOtherId);
  EXPECT_EQ(primary.handshake().offset(), 12345678901u);
}

TEST(HandshakeTest, FullSyncThatMakesNoSenseHasNoId) {
  for (const std::string& line :
       {std::string("+FULLRESYNC"), std::string("+FULLRESYNC ") + kId,
        std::string("+FULLRESYNC abc 5"), std::string("+FULLRESYNC  ") + kId + " 5"}) {
    Conversation primary(Plain());
    primary.SkipToPsync();
    EXPECT_EQ(primary.Say(line), Outcome::kFullSync) << line;
    EXPECT_EQ(primary.handshake().id(), "") << line;
  }
  Conversation negative(Plain());
  negative.SkipToPsync();
  EXPECT_EQ(negative.Say(std::string("+FULLRESYNC ") + kId + " -7"), Outcome::kFullSync);
  EXPECT_EQ(negative.handshake().offset(), 0u);
}

TEST(HandshakeTest, PrimaryThatIsNotReadyIsAskedLater) {
  for (const char* line : {"-NOMASTERLINK Can't SYNC while not connected with my master",
                           "-LOADING Redis is loading the dataset in memory"}) {
    Conversation primary(WithHistory());
    primary.SkipToPsync();
    EXPECT_EQ(primary.Say(line), Outcome::kFailed);
    EXPECT_EQ(primary.sent(), "");
  }
}

TEST(HandshakeTest, FallsBackToSync) {
  for (const char* line : {"-ERR unknown command 'PSYNC'", "-NOAUTH", "+SOMETHING"}) {
    Conversation primary(WithHistory());
    primary.SkipToPsync();
    EXPECT_EQ(primary.Say(line), Outcome::kOldStyle) << line;
    EXPECT_EQ(primary.sent(), "SYNC\r\n");
    EXPECT_EQ(primary.handshake().id(), "");
    EXPECT_FALSE(primary.handshake().asked_to_take_over());
  }
}

TEST(HandshakeTest, TellsThePrimaryToTakeOver) {
  Handshake::Options options = WithHistory();
  options.failover = true;
  Conversation primary(options);
  EXPECT_EQ(primary.SkipToPsync(), EncodeRequest({"PSYNC", kId, "101", "FAILOVER"}));
  EXPECT_FALSE(primary.handshake().asked_to_take_over());
  EXPECT_EQ(primary.Say("+CONTINUE"), Outcome::kContinue);
  EXPECT_TRUE(primary.handshake().asked_to_take_over());
}

TEST(HandshakeTest, SaysWhatItIsToldAfterTheEnd) {
  Conversation primary(Plain());
  primary.SkipToPsync();
  EXPECT_EQ(primary.Say("-LOADING"), Outcome::kFailed);
  EXPECT_EQ(primary.Say("+CONTINUE"), Outcome::kFailed);
}

}  // namespace
}  // namespace keyway::shard::replication
