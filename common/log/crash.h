// The stack of a crashing process, in the log.
#pragma once

namespace keyway::log::internal {

// Puts glog's signal handler (SIGSEGV, SIGILL, SIGFPE, SIGABRT, SIGBUS, SIGTERM is left alone) and
// its fatal-error hook to work: they write the stack to the descriptor that `descriptor` returns.
// It may be called inside a signal handler.
void WriteCrashesTo(int (*descriptor)());

}  // namespace keyway::log::internal
