#include "shard/replication/primary_stream.h"

#include "shard/server/transactions.h"

namespace keyway::shard::replication {

PrimaryStream::~PrimaryStream() {
  if (!on_end_ || client_ == nullptr) return;
  // A command that stands aside has changed things which the stream does not say yet.
  on_end_(sound_ && !client_->pinned(), client_->db());
}

void PrimaryStream::Attach(Client& client, size_t unread) {
  client_ = &client;
  first_offset_ = stream_.offset();
  last_received_ = client.stream().bytes_received();
  first_received_ = last_received_ - unread;
  status_.read_offset = first_offset_ + unread;
}

void PrimaryStream::UpdateStatus(int64_t now_micros) {
  const uint64_t received = client_->stream().bytes_received();
  status_.read_offset = first_offset_ + (received - first_received_);
  if (received == last_received_) return;
  last_received_ = received;
  status_.last_io_micros = now_micros;
}

void PrimaryStream::OnExecuted(std::string_view bytes) {
  status_.read_offset = first_offset_ + (client_->stream().bytes_received() - first_received_);
  const Transaction* transaction = Transactions::Of(*client_);
  // Empty lines count, as by redis-server, with the request behind them.
  const bool is_empty = bytes.find_first_not_of("\r\n") == std::string_view::npos;
  if (is_empty || (transaction != nullptr && transaction->open())) {
    kept_.append(bytes);
    return;
  }
  if (kept_.empty()) {
    stream_.AppendBytes(bytes);
    return;
  }
  kept_.append(bytes);
  stream_.AppendBytes(kept_);
  kept_.clear();
}

}  // namespace keyway::shard::replication
