#include "proxy/execution/single.h"

#include "proxy/execution/executor.h"

namespace keyway::proxy::execution {
namespace {

constexpr size_t kKeptBytes = 2048;

}  // namespace

void SingleOperation::Begin(const Request& request) {
  request_.bytes().assign(request.bytes);
  const Slot slot = request.plan->kind == routing::Plan::Kind::kOneSlot ? request.plan->slot
                    : request.plan->scripts ? executor().StableSlot()
                                            : executor().AnySlot(request.client);
  request_.Start(executor().access(), this, slot,
                 {.version = request.version,
                  .database = request.database,
                  .repeatable = command::IsRepeatable(*request.command, request.arguments),
                  .writes = !request.command->spec->is(command::kReadonly),
                  .scripts = request.plan->scripts,
                  .read_from = request.read_from,
                  .client = request.client});
}

void SingleOperation::Abandon() {
  request_.Abandon();
}

std::string SingleOperation::DeadlineError(Outcome* outcome) {
  return request_.DeadlineError(outcome);
}

void SingleOperation::Recycle() {
  if (request_.bytes().capacity() > kKeptBytes) request_.bytes() = std::string();
  executor().singles().Return(this);
}

void SingleOperation::OnShardReply(ShardRequest&, std::string_view reply, char, Outcome outcome) {
  Deliver(reply, outcome);
}

void SingleOperation::OnShardAway(ShardRequest&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::execution
