#include "tests/unit/shard/persistence/aof/aof_log_rig.h"

#include <string_view>
#include <utility>

#include "shard/persistence/aof/reader.h"

namespace keyway::shard::persistence {
namespace {

// Applies files to the list.
class Loader {
 public:
  explicit Loader(MemoryFileSystem& files) : files_(files) {}

  // An empty text: done.
  std::string Apply(const std::string& name, bool is_last) {
    const std::string path = "appendonlydir/" + name;
    auto file = files_.Open(path, OpenMode::kRead);
    if (!file.ok()) return name + ": " + file.error().message;
    AofReader reader(**file);
    uint64_t good = 0;
    std::vector<int> unit;
    bool in_unit = false;
    int db = -1;
    for (;;) {
      const AofReader::Outcome outcome = reader.Next();
      if (outcome == AofReader::Outcome::kEnd || outcome == AofReader::Outcome::kCutOff) {
        if (!in_unit && outcome == AofReader::Outcome::kEnd) return "";
        if (!is_last) return name + " is cut off";
        (void)(*files_.Open(path, OpenMode::kAppend))->Truncate(good);
        return "";
      }
      if (outcome != AofReader::Outcome::kCommand) return name + " has a bad format";
      const auto args = reader.args();
      if (args[0] == "SELECT") {
        db = std::stoi(std::string(args[1]));
      } else if (db < 0) {
        return name + " does not begin with SELECT";
      } else if (args[0] == "MULTI") {
        in_unit = true;
      } else if (args[0] == "EXEC") {
        in_unit = false;
      } else {
        for (size_t i = 2; i < args.size(); ++i) unit.push_back(std::stoi(std::string(args[i])));
      }
      if (in_unit) continue;
      for (const int number : unit) {
        if (number != count) return name + " has " + std::to_string(number) + " for " +
                                    std::to_string(count);
        ++count;
      }
      unit.clear();
      good = reader.offset();
    }
  }

  int count = 0;

 private:
  MemoryFileSystem& files_;
};

std::string Command(const std::vector<std::string>& args) {
  std::string text = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    text += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return text;
}

}  // namespace

AofLogRig::AofLogRig(AppendFsync policy) : rig(clock), effects(rig.keyspace, rig.config) {
  rig.services.effects = &effects;
  rig.config.appendfsync = policy;
  rig.config.appendonly = true;
  rig.config.aof_use_rdb_preamble = false;
}

AofLogRig::~AofLogRig() = default;

void AofLogRig::MakeLog(AofManifest manifest) {
  log.reset();
  status = PersistenceStatus();
  dead = false;
  AofLog::Options options;
  options.on_fatal = [this] { dead = true; };
  options.sync_interval = sync_interval;
  log = std::make_unique<AofLog>(rig.services, files, status, std::move(options));
  log->set_manifest(std::move(manifest));
}

Status AofLogRig::Start() {
  AofManifest manifest;
  const Expected<int> loaded = Load(&manifest);
  if (!loaded.ok()) return loaded.error();
  next = *loaded;
  MakeLog(std::move(manifest));
  return log->Start();
}

void AofLogRig::StartWithout(int numbers) {
  next = numbers;
  MakeLog({});
}

void AofLogRig::End() {
  log.reset();
}

void AofLogRig::Unit(std::vector<int> numbers) {
  std::vector<std::string> texts;
  for (const int number : numbers) texts.push_back(std::to_string(number));
  const int db = (units++ / 3) % 2;
  std::vector<std::vector<std::string_view>> args;
  if (texts.size() > 1) args.push_back({"MULTI"});
  for (const std::string& text : texts) args.push_back({"RPUSH", "log", text});
  if (texts.size() > 1) args.push_back({"EXEC"});
  std::vector<Effect> unit;
  for (const auto& each : args) unit.push_back({db, kEffectAll, each});
  if (effects.wanted()) log->OnUnit(unit);
}

void AofLogRig::Add() {
  Unit({next});
  ++next;
}

void AofLogRig::AddPair() {
  Unit({next, next + 1});
  next += 2;
}

void AofLogRig::AddSome(int count) {
  for (int i = 0; i < count; ++i) {
    if (i % 4 == 3) {
      AddPair();
    } else {
      Add();
    }
  }
}

bool AofLogRig::Flush() {
  log->Flush();
  return !dead;
}

bool AofLogRig::FlushAndSync() {
  return log->FlushAndSync().ok();
}

bool AofLogRig::Begin() {
  if (!log->BeginRewrite().ok()) return false;
  std::string text = Command({"SELECT", "0"});
  for (int i = 0; i < next; ++i) text += Command({"RPUSH", "log", std::to_string(i)});
  files.Put(kChildFile, text);
  return true;
}

Expected<int> AofLogRig::Load() {
  AofManifest manifest;
  return Load(&manifest);
}

Expected<int> AofLogRig::Load(AofManifest* manifest) {
  const std::optional<std::string> text = files.Contents(kManifest);
  if (!text.has_value()) return 0;
  auto parsed = AofManifest::Parse(*text);
  if (!parsed.ok()) return Error{parsed.error().message};
  Loader loader(files);
  std::vector<AofPart> parts;
  if (parsed->base().has_value()) parts.push_back(*parsed->base());
  for (const AofPart& part : parsed->incremental()) parts.push_back(part);
  for (const AofPart& part : parts) {
    // Redis, too, bears an end that is cut off in the last file only.
    const std::string wrong = loader.Apply(part.name, part == parts.back());
    if (!wrong.empty()) return Error{wrong + "\n" + *text};
  }
  *manifest = std::move(*parsed);
  return loader.count;
}

}  // namespace keyway::shard::persistence
