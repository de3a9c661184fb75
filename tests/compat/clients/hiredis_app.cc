// What hiredis, the C library under redis-cli and many clients, offers beyond plain commands, on one Redis that is
// reached at one port or at two (two proxies): pipelines, transactions with WATCH, subscriptions, blocking pops, scripts by
// their SHA, SCAN. What one connection writes, one on the other port sees.
// Usage: hiredis_app HOST PORT[,PORT]

#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kKeys = 200;

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, Free>;

[[noreturn]] void Fail(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(1);
}

// A reply as text: "OK", "(5)", "[a [b nil]]".
std::string Text(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_INTEGER: return "(" + std::to_string(reply.integer) + ")";
    case REDIS_REPLY_NIL: return "nil";
    case REDIS_REPLY_ARRAY: {
      std::string text = "[";
      for (size_t i = 0; i < reply.elements; ++i) text += (i == 0 ? "" : " ") + Text(*reply.element[i]);
      return text + "]";
    }
    default: return std::string(reply.str, static_cast<size_t>(reply.len));
  }
}

class Connection {
 public:
  Connection(const char* host, int port) : context_(redisConnect(host, port)) {
    if (context_ == nullptr || context_->err != 0) Fail("cannot connect to port " + std::to_string(port));
    redisSetTimeout(context_.get(), timeval{30, 0});
  }

  void Append(const std::vector<std::string>& words) {
    std::vector<const char*> starts;
    std::vector<size_t> lengths;
    for (const std::string& word : words) {
      starts.push_back(word.data());
      lengths.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), starts.data(), lengths.data());
  }

  // Sends what has been appended.
  void Send() {
    for (int done = 0; done == 0;) {
      if (redisBufferWrite(context_.get(), &done) != REDIS_OK) Fail(std::string("cannot send: ") + context_->errstr);
    }
  }

  Reply Next() {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) Fail(std::string("no reply: ") + context_->errstr);
    return Reply(static_cast<redisReply*>(reply));
  }

  std::string Call(const std::vector<std::string>& words) {
    Append(words);
    return Text(*Next());
  }

  void Expect(const std::string& wanted, const std::vector<std::string>& words) { Compare(wanted, Call(words), words[0]); }
  void ExpectNext(const std::string& wanted) { Compare(wanted, Text(*Next()), "the next reply"); }

 private:
  static void Compare(const std::string& wanted, const std::string& actual, const std::string& what) {
    if (actual != wanted) Fail(what + ": got '" + actual + "', wanted '" + wanted + "'");
  }

  std::unique_ptr<redisContext, Free> context_;
};

std::string Key(int number) { return "hi:" + std::to_string(number); }

void Pipelines(Connection& here, Connection& there) {
  for (int i = 0; i < kKeys; ++i) here.Append({"SET", Key(i), std::to_string(i)});
  here.Append({"LPUSH", "hi:list", "x"});
  here.Append({"INCR", "hi:list"});
  here.Append({"MGET", Key(1), Key(2), "hi:none"});
  for (int i = 0; i < kKeys; ++i) here.ExpectNext("OK");
  here.ExpectNext("(1)");
  here.ExpectNext("WRONGTYPE Operation against a key holding the wrong kind of value");
  here.ExpectNext("[1 2 nil]");
  for (int i = 0; i < kKeys; ++i) there.Expect(std::to_string(i), {"GET", Key(i)});
  // Twice the limit of requests under way, and replies of some size.
  const std::string large(10000, 'x');
  there.Expect("OK", {"SET", "hi:large", large});
  for (int i = 0; i < 2048; ++i) there.Append({"GET", "hi:large"});
  for (int i = 0; i < 2048; ++i) there.ExpectNext(large);
}

void Transactions(Connection& here, Connection& there) {
  here.Append({"MULTI"});
  here.Append({"SET", "{hi}a", "1"});
  here.Append({"INCR", "{hi}a"});
  here.Append({"LPUSH", "{hi}a", "x"});
  here.Append({"RPUSH", "{hi}l", "x", "y"});
  here.Append({"EXEC"});
  here.ExpectNext("OK");
  for (int i = 0; i < 4; ++i) here.ExpectNext("QUEUED");
  here.ExpectNext("[OK (2) WRONGTYPE Operation against a key holding the wrong kind of value (2)]");
  here.Expect("OK", {"WATCH", "{hi}a", "{hi}b"});
  there.Expect("OK", {"SET", "{hi}b", "x"});
  here.Expect("OK", {"MULTI"});
  here.Expect("QUEUED", {"INCR", "{hi}a"});
  here.Expect("nil", {"EXEC"});
  here.Expect("OK", {"WATCH", "{hi}a"});
  here.Expect("2", {"GET", "{hi}a"});
  here.Expect("OK", {"MULTI"});
  here.Expect("QUEUED", {"INCR", "{hi}a"});
  here.Expect("[(3)]", {"EXEC"});
  here.Expect("OK", {"WATCH", "{hi}a"});
  there.Expect("(4)", {"INCR", "{hi}a"});
  here.Expect("OK", {"UNWATCH"});
  here.Expect("OK", {"MULTI"});
  here.Expect("ERR MULTI calls can not be nested", {"MULTI"});
  here.Expect("ERR WATCH inside MULTI is not allowed", {"WATCH", "{hi}a"});
  here.Expect("QUEUED", {"INCR", "{hi}a"});
  here.Expect("[(5)]", {"EXEC"});
  here.Expect("OK", {"MULTI"});
  here.Expect("ERR wrong number of arguments for 'get' command", {"GET"});
  here.Expect("EXECABORT Transaction discarded because of previous errors.", {"EXEC"});
  here.Expect("OK", {"MULTI"});
  here.Expect("QUEUED", {"INCR", "{hi}a"});
  here.Expect("OK", {"DISCARD"});
  here.Expect("ERR EXEC without MULTI", {"EXEC"});
  there.Expect("5", {"GET", "{hi}a"});
}

// The publisher's count of subscribers is another proxy's affair, so it waits for it.
void UntilSubscribed(Connection& publisher, const std::string& channel) {
  const std::string wanted = "[" + channel + " (0)]";
  for (int i = 0; publisher.Call({"PUBSUB", "NUMSUB", channel}) == wanted; ++i) {
    if (i == 3000) Fail("nobody subscribed");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void Subscriptions(Connection& here, Connection& there) {
  there.Append({"SUBSCRIBE", "hi:news", "hi:more"});
  there.Append({"PSUBSCRIBE", "hi:m*"});
  there.ExpectNext("[subscribe hi:news (1)]");
  there.ExpectNext("[subscribe hi:more (2)]");
  there.ExpectNext("[psubscribe hi:m* (3)]");
  UntilSubscribed(here, "hi:news");
  for (int i = 0; i < 50; ++i) here.Append({"PUBLISH", "hi:news", std::to_string(i)});
  here.Send();
  for (int i = 0; i < 50; ++i) there.ExpectNext("[message hi:news " + std::to_string(i) + "]");
  for (int i = 0; i < 50; ++i) here.Next();
  here.Call({"PUBLISH", "hi:more", "x"});
  const std::string first = Text(*there.Next());
  const std::string second = Text(*there.Next());
  if (std::set<std::string>{first, second} != std::set<std::string>{"[message hi:more x]", "[pmessage hi:m* hi:more x]"}) {
    Fail("got '" + first + "' and '" + second + "'");
  }
  there.Expect("ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
               {"GET", "x"});
  there.Expect("[pong hello]", {"PING", "hello"});
  there.Expect("[unsubscribe hi:news (2)]", {"UNSUBSCRIBE", "hi:news"});
  there.Expect("[unsubscribe hi:more (1)]", {"UNSUBSCRIBE"});
  there.Expect("[punsubscribe hi:m* (0)]", {"PUNSUBSCRIBE"});
  there.Expect("PONG", {"PING"});
}

void Blocking(Connection& here, Connection& there) {
  std::vector<std::string> pop{"BLPOP"};
  for (int i = 0; i < 10; ++i) pop.push_back("hi:queue:" + std::to_string(i));
  pop.push_back("30");
  for (int i = 0; i < 100; ++i) {
    there.Append(pop);
    there.Send();
    const std::string queue = "hi:queue:" + std::to_string(i % 10);
    here.Expect("(1)", {"RPUSH", queue, std::to_string(i)});
    there.ExpectNext("[" + queue + " " + std::to_string(i) + "]");
  }
  here.Expect("(1)", {"RPUSH", "hi:queue:7", "seven"});
  here.Expect("(1)", {"RPUSH", "hi:queue:2", "two"});
  there.Expect("[hi:queue:2 two]", pop);
  there.Expect("[hi:queue:7 seven]", pop);
  pop.back() = "0.05";
  there.Expect("nil", pop);
  // Requests behind one that waits are answered after it.
  there.Append({"BLMOVE", "{hi}from", "{hi}to", "LEFT", "RIGHT", "30"});
  there.Append({"GET", Key(3)});
  there.Send();
  here.Expect("(1)", {"RPUSH", "{hi}from", "moved"});
  there.ExpectNext("moved");
  there.ExpectNext("3");
}

void Scripts(Connection& here, Connection& there) {
  here.Expect("OK", {"SCRIPT", "FLUSH"});
  const std::string sha = here.Call({"SCRIPT", "LOAD", "return redis.call('INCRBY', KEYS[1], ARGV[1])"});
  for (int i = 0; i < kKeys; ++i) there.Append({"EVALSHA", sha, "1", Key(i), "5"});
  for (int i = 0; i < kKeys; ++i) there.ExpectNext("(" + std::to_string(i + 5) + ")");
  there.Expect("NOSCRIPT No matching script. Please use EVAL.", {"EVALSHA", std::string(40, '0'), "1", "k"});
  there.Expect("[(1) (0)]", {"SCRIPT", "EXISTS", sha, std::string(40, '0')});
}

void Scanning(Connection& there) {
  std::set<std::string> found;
  std::string cursor = "0";
  do {
    there.Append({"SCAN", cursor, "MATCH", "hi:*[0-9]", "COUNT", "7", "TYPE", "string"});
    const Reply page = there.Next();
    if (page->type != REDIS_REPLY_ARRAY || page->elements != 2) Fail("SCAN: " + Text(*page));
    cursor = page->element[0]->str;
    for (size_t i = 0; i < page->element[1]->elements; ++i) found.insert(page->element[1]->element[i]->str);
  } while (cursor != "0");
  std::set<std::string> wanted;
  for (int i = 0; i < kKeys; ++i) wanted.insert(Key(i));
  if (found != wanted) Fail("SCAN found " + std::to_string(found.size()) + " keys");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) Fail("usage: hiredis_app HOST PORT[,PORT]");
  const char* comma = std::strchr(argv[2], ',');
  Connection here(argv[1], std::atoi(argv[2]));
  Connection there(argv[1], std::atoi(comma == nullptr ? argv[2] : comma + 1));
  here.Expect("OK", {"FLUSHALL"});
  Pipelines(here, there);
  Transactions(here, there);
  Subscriptions(here, there);
  Blocking(here, there);
  Scripts(here, there);
  Scanning(there);
  here.Expect("OK", {"FLUSHALL"});
  std::puts("ok");
  return 0;
}
