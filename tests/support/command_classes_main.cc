// Prints proxy/COMMANDS.md: what the proxy does with each command.
#include <iostream>

#include "proxy/routing/command_classes.h"

int main() {
  std::cout << keyway::proxy::routing::CommandClassesText();
  return std::cout.good() ? 0 : 1;
}
