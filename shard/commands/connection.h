// Commands about the connection itself: PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET, READONLY,
// READWRITE, ASKING.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterConnection(HandlerTable& handlers);

}  // namespace keyway::shard::commands
