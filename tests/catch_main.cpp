// Catch2 2.13's main, for where no library brings one.
#define CATCH_CONFIG_MAIN
#include "tests/catch.h"
