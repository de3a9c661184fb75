#include "shard/persistence/loading/dataset_loader.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/loading/load_delay.h"
#include "shard/persistence/rdb/file_format.h"
#include "shard/persistence/rdb/read_options.h"
#include "shard/server/lifecycle.h"
#include "shard/server/scripts.h"

namespace keyway::shard::persistence {
namespace {

constexpr uint64_t kFewestBytesOfKey = 3;  // type, key, value
constexpr uint64_t kMaxEmptyKeysLogged = 10;
constexpr uint64_t kKeysBetweenClocks = 64;
constexpr size_t kReplicationIdLength = 40;
constexpr int64_t kMaxMicrosBetweenReports = 10'000;
constexpr int64_t kMicrosPerSecond = 1'000'000;

int64_t Number(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool IsName(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

class DatasetVisitor final : public rdb::FileVisitor {
 public:
  DatasetVisitor(std::string_view bytes, Services& services, PersistenceStatus& status,
                 const DatasetLoadOptions& options)
      : bytes_(bytes),
        services_(services),
        status_(status),
        options_(options),
        access_policy_(services.keyspace.options().access),
        now_ms_(services.clock.WallMillis()),
        first_access_(keyspace::FirstAccess(access_policy_, now_ms_)),
        database_(&DatabaseAt(0)),
        reported_micros_(services.clock.MonotonicMicros()) {}

  uint64_t keys_loaded() const { return keys_loaded_; }
  uint64_t keys_expired() const { return keys_expired_; }
  uint64_t empty_keys() const { return empty_keys_; }
  const DatasetOrigin& origin() const { return origin_; }

  void Aux(std::string_view name, std::string_view value) override {
    if (name.starts_with('%')) {
      KEYWAY_NOTICE() << "RDB '" << name << "': " << value;
    } else if (IsName(name, "redis-ver")) {
      KEYWAY_NOTICE() << "Loading RDB produced by version " << value;
    } else if (IsName(name, "ctime")) {
      const int64_t age = services_.clock.WallMicros() / kMicrosPerSecond - Number(value);
      KEYWAY_NOTICE() << "RDB age " << std::max<int64_t>(age, 0) << " seconds";
    } else if (IsName(name, "used-mem")) {
      const int64_t bytes = Number(value);
      char megabytes[32];
      std::snprintf(megabytes, sizeof(megabytes), "%.2f",
                    static_cast<double>(bytes) / (1024 * 1024));
      KEYWAY_NOTICE() << "RDB memory usage when created " << megabytes << " Mb";
      status_.loading_rdb_used_memory = static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
    } else if (IsName(name, "aof-preamble")) {
      if (Number(value) != 0) KEYWAY_NOTICE() << "RDB has an AOF tail";
    } else if (IsName(name, "aof-base")) {
      if (Number(value) != 0) KEYWAY_NOTICE() << "RDB is base AOF";
    } else if (IsName(name, "repl-stream-db")) {
      origin_.database = static_cast<int>(Number(value));
    } else if (IsName(name, "repl-id")) {
      if (value.size() == kReplicationIdLength) origin_.id = value;
    } else if (IsName(name, "repl-offset")) {
      origin_.offset = Number(value);
    } else if (!IsName(name, "redis-bits") && !IsName(name, "lua")) {
      KEYWAY_DEBUG() << "Unrecognized RDB AUX field: '" << name << "'";
    }
  }

  Status Library(std::string_view code) override {
    if (options_.library) return options_.library(code);
    if (services_.scripts == nullptr) return Error{"there is no engine for scripts"};
    return services_.scripts->LoadLibrary(code, options_.replace);
  }

  Status Database(uint64_t index) override {
    const auto count = static_cast<uint64_t>(services_.keyspace.database_count());
    if (index < count) {
      database_ = &DatabaseAt(static_cast<int>(index));
      return {};
    }
    return Error{TooManyDatabases(services_)};
  }

  // The number may be anything: no more room is made than the file could fill.
  void Resize(uint64_t keys, uint64_t /*expires*/) override {
    database_->Expect(std::min<uint64_t>(keys, bytes_.size() / kFewestBytesOfKey));
  }

  // While its value is read, the place of the key comes from memory.
  void NextKey(std::string_view key) override {
    next_key_.emplace(key);
    database_->Prefetch(*next_key_);
  }

  Status Key(rdb::KeyEntry entry) override {
    if (options_.stop != nullptr && *options_.stop) return Error{kLoadingStopped};
    if (!options_.keep_expired && entry.expiry_ms != keyspace::kNoExpiry &&
        entry.expiry_ms < now_ms_) {
      ++keys_expired_;
      ++status_.last_load_keys_expired;
      if (options_.on_expired) options_.on_expired(database_->index(), entry.key);
      return {};
    }
    const keyspace::Key& key = *next_key_;
    uint32_t access = first_access_;
    if (entry.idle_seconds >= 0 || entry.frequency >= 0) {
      access =
          keyspace::RestoredAccess(access_policy_, entry.idle_seconds, entry.frequency, now_ms_)
              .value_or(first_access_);
    }
    if (options_.replace) database_->Unload(key);
    if (!database_->Load(key, std::move(entry.value), entry.expiry_ms, access)) {
      return Error{"RDB has duplicated key '" + std::string(entry.key) + "' in DB " +
                   std::to_string(database_->index())};
    }
    ++keys_loaded_;
    ++status_.last_load_keys_loaded;
    DelayLoad(services_.config);
    if (keys_loaded_ % kKeysBetweenClocks == 0) ReportIfDue(entry.key);
    return {};
  }

  void EmptyKey(std::string_view key) override {
    if (empty_keys_++ < kMaxEmptyKeysLogged) {
      KEYWAY_WARNING() << "rdbLoadObject skipping empty key: " << key;
    }
  }

  void Progress(uint64_t bytes) override {
    position_ = bytes;
    Report();
  }

 private:
  keyspace::Database& DatabaseAt(int index) const {
    return options_.databases == nullptr ? services_.keyspace.database(index)
                                         : *(*options_.databases)[static_cast<size_t>(index)];
  }

  void ReportIfDue(std::string_view key) {
    // A key that was compressed lies elsewhere.
    if (key.data() >= bytes_.data() && key.data() < bytes_.data() + bytes_.size()) {
      position_ = static_cast<uint64_t>(key.data() - bytes_.data());
    }
    const auto interval =
        static_cast<uint64_t>(services_.config.loading_process_events_interval_bytes);
    if (position_ - reported_ >= interval ||
        services_.clock.MonotonicMicros() - reported_micros_ >= kMaxMicrosBetweenReports) {
      Report();
    }
  }

  void Report() {
    if (options_.progress) options_.progress(position_);
    reported_ = position_;
    reported_micros_ = services_.clock.MonotonicMicros();
  }

  const std::string_view bytes_;
  std::optional<keyspace::Key> next_key_;
  Services& services_;
  PersistenceStatus& status_;
  const DatasetLoadOptions& options_;
  const keyspace::AccessPolicy access_policy_;
  const int64_t now_ms_;
  const uint32_t first_access_;
  DatasetOrigin origin_;
  keyspace::Database* database_;
  uint64_t keys_loaded_ = 0;
  uint64_t keys_expired_ = 0;
  uint64_t empty_keys_ = 0;
  uint64_t position_ = 0;
  uint64_t reported_ = 0;
  int64_t reported_micros_;
};

// Of a file that has been read: whether it has a checksum, and it is 0.
bool WasSavedWithoutChecksum(std::string_view file) {
  if (Number(file.substr(rdb::kMagic.size(), rdb::kVersionDigits)) <
      rdb::kFirstVersionWithChecksum) {
    return false;
  }
  const std::string_view footer = file.substr(file.size() - rdb::kChecksumBytes);
  return footer.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

std::string TooManyDatabases(const Services& services) {
  const int count = services.keyspace.database_count();
  if (services.cluster != nullptr && count == 1) {
    return "You can't have keys in a DB different than DB 0 when in Cluster mode. Exiting.";
  }
  return "FATAL: Data file was created with a Redis server configured to handle more than " +
         std::to_string(count) + " databases. Exiting";
}

Expected<DatasetLoadResult, rdb::FileReadError> LoadDataset(std::string_view bytes,
                                                            Services& services,
                                                            PersistenceStatus& status,
                                                            const DatasetLoadOptions& options) {
  const rdb::FileReadOptions read_options{
      .values = rdb::ReadOptionsOf(services.config),
      .checksum = services.config.rdbchecksum && !services.lifecycle.skip_checksum()};
  DatasetVisitor visitor(bytes, services, status, options);
  const auto read = rdb::ReadFile(bytes, read_options, visitor);
  if (!read.ok()) return read.error();
  if (read_options.checksum && WasSavedWithoutChecksum(bytes.substr(0, *read))) {
    KEYWAY_NOTICE() << "RDB file was saved with checksum disabled: no check performed.";
  }
  if (visitor.empty_keys() != 0) {
    KEYWAY_WARNING() << "Done loading RDB, keys loaded: " << visitor.keys_loaded()
                     << ", keys expired: " << visitor.keys_expired()
                     << ", empty keys skipped: " << visitor.empty_keys() << ".";
  } else {
    KEYWAY_NOTICE() << "Done loading RDB, keys loaded: " << visitor.keys_loaded()
                    << ", keys expired: " << visitor.keys_expired() << ".";
  }
  return DatasetLoadResult{*read, visitor.keys_loaded(), visitor.keys_expired(), visitor.origin()};
}

}  // namespace keyway::shard::persistence
