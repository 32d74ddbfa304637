// Breakpoints of the user's among the instructions that hooks replace.

#include <algorithm>
#include <array>
#include <string_view>

#include "core/inject/hook_plan.h"
#include "core/inject/instruction.h"
#include "tests/catch.h"
#include "tests/recorder/program_books.h"

namespace memsnap::test {
namespace {

// How entry points of the allocator are watched, each way once.
std::vector<std::string_view> ways(Recorded& recorded) {
  std::vector<std::string_view> ways;
  for (const auto& entry : recorded.engine().report().entry_points) {
    ways.push_back(entry.how);
  }
  std::ranges::sort(ways);
  const auto twice = std::ranges::unique(ways);
  ways.erase(twice.begin(), twice.end());
  return ways;
}

// Behind the first instruction of a function, as its code is now.
Address second_instruction(Recorded& recorded, Address function) {
  std::array<std::byte, 16> code{};
  REQUIRE(recorded.debugger.memory().read(function, code) == code.size());
  const auto first = decode_instruction(code, function);
  REQUIRE(first.has_value());
  return function + first->length;
}

bool begins_with_jump(Recorded& recorded, Address function) {
  std::array<std::byte, 16> code{};
  REQUIRE(recorded.debugger.memory().read(function, code) == code.size());
  const auto at = patch_address(function, code) - function;
  return code.at(at) == std::byte{0xe9};
}

std::vector<Address> allocator_functions(Recorded& recorded) {
  std::vector<Address> all;
  for (const auto* name : {"malloc", "free", "calloc", "realloc", "memalign", "posix_memalign"}) {
    std::ranges::copy(recorded.debugger.find_functions(name), std::back_inserter(all));
  }
  return all;
}

void user_sets(Recorded& recorded, std::vector<Address> addresses) {
  recorded.debugger.set_user_breakpoints(std::move(addresses));
  recorded.session.on_breakpoints_changed();
}

TEST_CASE("a hook gets out of the way of the user's breakpoint, and back when it is gone", "[recorder]") {
  Recorded recorded;
  recorded.launch("every_call");
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  recorded.run_to(checkpoint);
  const auto base = base_of(recorded);
  REQUIRE(ways(recorded) == std::vector<std::string_view>{"hook"});
  const auto functions = allocator_functions(recorded);
  const auto inside = [&] {
    std::vector<Address> addresses;
    for (const auto function : functions) {
      addresses.push_back(function + 1);
    }
    return addresses;
  };
  const auto jumps = [&] {
    return std::ranges::count_if(functions, [&](Address function) { return begins_with_jump(recorded, function); });
  };
  CHECK(jumps() >= 6);
  for (const auto* calls : {"C", "aligned", "C++"}) {
    INFO("the " << calls << " calls");
    const bool by_breakpoint = calls != std::string_view("aligned");
    user_sets(recorded, by_breakpoint ? inside() : std::vector<Address>());
    const auto now = ways(recorded);
    CHECK(std::ranges::find(now, "hook") != now.end());  // of those that nobody has a breakpoint in
    CHECK((std::ranges::find(now, "breakpoint") != now.end()) == by_breakpoint);
    CHECK((jumps() == 0) == by_breakpoint);
    const auto thread = recorded.run_to(checkpoint);
    check_books(recorded, recorded.argument(thread, 0), base);
  }
  CHECK(recorded.not_recorded() == 0);
  recorded.run_to_end();
}

TEST_CASE("where the user has breakpoints before the hooks come, breakpoints catch the calls", "[recorder]") {
  Recorded recorded;
  recorded.debugger.set_events(nullptr);
  recorded.launch("mix_static");
  std::vector<Address> addresses;
  for (const auto function : allocator_functions(recorded)) {
    addresses.push_back(second_instruction(recorded, function));
  }
  REQUIRE(addresses.size() >= 6);
  recorded.debugger.set_user_breakpoints(addresses);
  recorded.debugger.set_events(&recorded.session);
  recorded.session.on_modules_changed();
  recorded.run_to("main");
  const auto base = base_of(recorded);
  const auto now = ways(recorded);
  CHECK(std::ranges::find(now, "breakpoint") != now.end());
  for (int i = 0; i < 8; ++i) {
    INFO("checkpoint " << i);
    const auto thread = recorded.run_to("checkpoint");
    check_books(recorded, recorded.argument(thread, 0), base);
  }
  recorded.run_to_end();
}

}  // namespace
}  // namespace memsnap::test
