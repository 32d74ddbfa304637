#include "core/unwind/walk.h"

#include "tests/catch.h"
#include "tests/unit/fake_walk.h"

namespace memsnap {
namespace {

using test::kBias;
using test::kModule;
using test::kStack;
using test::Walk;

std::vector<std::uint64_t> offsets(const Traceback& traceback) {
  std::vector<std::uint64_t> result;
  for (const auto& frame : traceback.frames) {
    result.push_back(frame.pc.offset);
  }
  return result;
}

TEST_CASE("a walk of the outermost function is that function", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rip, Walk::at(Walk::outermost));
  const auto traceback = walk.run();
  CHECK(offsets(traceback) == std::vector<std::uint64_t>{0x1210});
  CHECK(traceback.frames[0].pc.module == kModule);
  CHECK(traceback.end == TracebackEnd::complete);
  CHECK_FALSE(traceback.stopped_at);
  CHECK(walk.memory.reads == 0);
}

TEST_CASE("a walk goes through stack pointer and frame pointer frames alike", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rbp, kStack + 0x40);
  walk.put(0x8, Walk::at(Walk::framed));   // plain's CFA is 0x10
  walk.put(0x40, kStack + 0x80);           // framed's CFA is 0x50
  walk.put(0x48, Walk::at(Walk::plain));   // this one's is 0x60
  walk.put(0x58, Walk::at(Walk::framed));  // which uses the rbp that was restored: CFA 0x90
  walk.put(0x88, Walk::at(Walk::outermost));
  const auto traceback = walk.run();
  CHECK(offsets(traceback) == std::vector<std::uint64_t>{0x1010, 0x1110, 0x1010, 0x1110, 0x1210});
  CHECK(traceback.end == TracebackEnd::complete);
}

TEST_CASE("a frame's caller is found from any of its instructions", "[unit]") {
  Walk walk;
  walk.put(0x8, Walk::at(Walk::framed));
  for (const std::uint64_t by : {0x0UL, 0x10UL, 0xffUL}) {
    walk.registers.set(Register::rip, Walk::at(Walk::plain, by));
    const auto caller = find_caller(walk.registers, walk.memory, walk.modules, walk);
    REQUIRE(caller.has_value());
    CHECK(caller->return_address.value == Walk::at(Walk::framed));
    CHECK(caller->stack.value == kStack + 0x10);
  }
  walk.registers.set(Register::rip, Walk::at(Walk::outermost));
  CHECK_FALSE(find_caller(walk.registers, walk.memory, walk.modules, walk).has_value());
  walk.registers.set(Register::rip, 0x1);
  CHECK_FALSE(find_caller(walk.registers, walk.memory, walk.modules, walk).has_value());
}

TEST_CASE("a return address of 0 ends a walk like the outermost function", "[unit]") {
  Walk walk;
  const auto traceback = walk.run();
  CHECK(offsets(traceback) == std::vector<std::uint64_t>{0x1010});
  CHECK(traceback.end == TracebackEnd::complete);
}

TEST_CASE("a return address behind a function's last call belongs to that function", "[unit]") {
  Walk walk;
  walk.put(0x8, Walk::at(Walk::plain, 0x100));  // framed begins there
  walk.put(0x18, kBias + 0x2000);               // the module ends there
  const auto traceback = walk.run();
  CHECK(offsets(traceback) == std::vector<std::uint64_t>{0x1010, 0x1100, 0x2000});
  CHECK(traceback.frames[2].pc.module == kModule);
}

TEST_CASE("a walk stops at the limit, but says complete if nothing was left", "[unit]") {
  Walk walk;
  walk.put(0x8, Walk::at(Walk::plain));
  walk.put(0x18, Walk::at(Walk::outermost));
  CHECK(walk.run(1).frames.size() == 1);
  CHECK(walk.run(1).end == TracebackEnd::frame_limit);
  CHECK(walk.run(2).frames.size() == 2);
  CHECK(walk.run(2).end == TracebackEnd::frame_limit);
  CHECK(walk.run(3).frames.size() == 3);
  CHECK(walk.run(3).end == TracebackEnd::complete);
}

TEST_CASE("a CFA that does not rise ends the walk", "[unit]") {
  const auto function = GENERATE(Walk::sinking, Walk::standing);
  Walk walk;
  walk.put(0x8, Walk::at(function));
  const auto traceback = walk.run();
  CHECK(traceback.frames.size() == 2);
  CHECK(traceback.end == TracebackEnd::no_unwind_info);
  CHECK(traceback.stopped_at == Address{Walk::at(function)});
}

TEST_CASE("a frame pointer below the stack pointer ends the walk", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rip, Walk::at(Walk::framed));
  walk.registers.set(Register::rbp, kStack - 0x100);
  const auto traceback = walk.run();
  CHECK(traceback.frames.size() == 1);
  CHECK(traceback.end == TracebackEnd::no_unwind_info);
}

TEST_CASE("registers that wrap around the address space end the walk", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rsp, ~std::uint64_t{0} - 3);
  CHECK(walk.run().end == TracebackEnd::no_unwind_info);
  walk.registers.set(Register::rip, Walk::at(Walk::trampoline));
  CHECK(walk.run().end == TracebackEnd::no_unwind_info);
  walk.registers.set(Register::rip, 0);
  CHECK(walk.run().frames.size() == 1);
}

TEST_CASE("a stack that cannot be read ends the walk where it was", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rsp, kStack + 0x1000 - 0x18);
  walk.put(0x1000 - 0x10, Walk::at(Walk::plain));
  const auto traceback = walk.run();
  CHECK(offsets(traceback) == std::vector<std::uint64_t>{0x1010, 0x1010});
  CHECK(traceback.end == TracebackEnd::no_unwind_info);
  CHECK(traceback.stopped_at == Address{Walk::at(Walk::plain)});
}

TEST_CASE("registers that are unknown end the walk only where they are needed", "[unit]") {
  Walk walk;
  walk.registers.forget(Register::rbp);
  walk.put(0x8, Walk::at(Walk::framed));
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1010, 0x1110});
  walk.registers.forget(Register::rsp);
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1010});
  CHECK(walk.run().end == TracebackEnd::no_unwind_info);
}

TEST_CASE("an unsupported row ends the walk", "[unit]") {
  Walk walk;
  walk.put(0x8, Walk::at(Walk::unsupported));
  walk.registers.set(Register::rbp, kStack + 0x40);
  walk.put(0x48, Walk::at(Walk::outermost));
  CHECK(walk.run().stopped_at == Address{Walk::at(Walk::unsupported)});
}

TEST_CASE("code without rows is walked by its frame pointer", "[unit]") {
  Walk walk;
  const auto code = GENERATE(Walk::at(Walk::uncovered), std::uint64_t{0x999000});
  walk.put(0x8, code);
  walk.registers.set(Register::rbp, kStack + 0x40);
  walk.put(0x40, kStack + 0x80);
  walk.put(0x48, Walk::at(Walk::framed));
  walk.put(0x88, Walk::at(Walk::outermost));
  const auto traceback = walk.run();
  REQUIRE(traceback.frames.size() == 4);
  CHECK(traceback.frames[1].pc == walk.modules.to_pc({code}));
  CHECK(offsets(traceback)[2] == 0x1110);
  CHECK(traceback.end == TracebackEnd::complete);
}

TEST_CASE("a frame pointer that cannot be one is not followed", "[unit]") {
  Walk walk;
  walk.put(0x8, Walk::at(Walk::uncovered));
  walk.put(0x48, Walk::at(Walk::outermost));
  const auto stops = [&](std::uint64_t rbp) {
    walk.registers.set(Register::rbp, rbp);
    const auto traceback = walk.run();
    return traceback.frames.size() == 2 && traceback.end == TracebackEnd::no_unwind_info &&
           traceback.stopped_at == Address{Walk::at(Walk::uncovered)};
  };
  CHECK_FALSE(stops(kStack + 0x40));
  CHECK(stops(0));
  CHECK(stops(kStack));               // below the caller's rsp
  CHECK(stops(kStack + 0x44));        // not aligned
  CHECK(stops(kStack + 0x60));        // no return address behind it
  CHECK(stops(kStack + 0x2000));      // not readable
  CHECK(stops(kStack + 0x1000 - 8));  // readable in half
  walk.memory.map(kStack + 0x800000, 0x100);
  walk.memory.put(kStack + 0x800008, Walk::at(Walk::outermost));
  CHECK(stops(kStack + 0x800000));  // readable, but no frame is that large
  walk.put(0x48, 0x999000);
  CHECK(stops(kStack + 0x40));  // a return address into no module
}

TEST_CASE("a signal frame leads to the interrupted code, stored as its pc and one", "[unit]") {
  Walk walk;
  walk.put(0x8, Walk::at(Walk::trampoline));
  // The very first instruction: the row before would be another function's.
  walk.put_signal_frame(0x10, Walk::at(Walk::framed, 0), kStack + 0x200, kStack + 0x300);
  walk.put(0x308, Walk::at(Walk::outermost));
  const auto traceback = walk.run();
  CHECK(offsets(traceback) == std::vector<std::uint64_t>{0x1010, 0x1310, 0x1101, 0x1210});
  CHECK(traceback.end == TracebackEnd::complete);
}

TEST_CASE("a trampoline without rows is known by its code", "[unit]") {
  Walk walk;
  constexpr unsigned char kCode[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
  walk.memory.map(0x999000, 0x20);
  walk.memory.put_bytes(0x999010, kCode, sizeof kCode);
  walk.put(0x8, 0x999010);
  walk.put_signal_frame(0x10, Walk::at(Walk::outermost), kStack + 0x200, 0);
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1010, 0x999010, 0x1211});
}

TEST_CASE("an interrupted function's saved rbp may lie in the red zone", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rip, Walk::at(Walk::trampoline));
  walk.put_signal_frame(0, Walk::at(Walk::leaving), kStack + 0x208, 1);
  walk.put(0x200, kStack + 0x300);
  walk.put(0x208, Walk::at(Walk::framed));
  walk.put(0x308, Walk::at(Walk::outermost));
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1310, 0x1611, 0x1110, 0x1210});
}

TEST_CASE("a saved rbp below the stack pointer is not believed elsewhere", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rip, Walk::at(Walk::leaving));
  walk.registers.set(Register::rsp, kStack + 0x208);
  walk.put(0x200, kStack + 0x300);
  walk.put(0x208, Walk::at(Walk::framed));
  walk.put(0x308, Walk::at(Walk::outermost));
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1610, 0x1110});
}

TEST_CASE("a PLT entry has pushed its index or not yet", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rip, Walk::at(Walk::trampoline));
  walk.put(0x200, 0x1234);
  walk.put(0x208, Walk::at(Walk::outermost));
  walk.put_signal_frame(0, Walk::at(Walk::plt, 0x1a), kStack + 0x208, 0);
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1310, 0x171b, 0x1210});
  walk.put_signal_frame(0, Walk::at(Walk::plt, 0x1b), kStack + 0x200, 0);
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1310, 0x171c, 0x1210});
}

TEST_CASE("a handler on a stack of its own leads back to the lower one", "[unit]") {
  Walk walk;
  walk.memory.map(kStack + 0x10000, 0x1000);
  walk.registers.set(Register::rsp, kStack + 0x10000);
  walk.registers.set(Register::rip, Walk::at(Walk::trampoline));
  walk.memory.put(kStack + 0x10000 + 160, kStack + 0x100);
  walk.memory.put(kStack + 0x10000 + 168, Walk::at(Walk::outermost));
  CHECK(offsets(walk.run()) == std::vector<std::uint64_t>{0x1310, 0x1211});
}

TEST_CASE("signal frames in a circle end the walk", "[unit]") {
  Walk walk;
  walk.registers.set(Register::rip, Walk::at(Walk::trampoline));
  walk.put_signal_frame(0, Walk::at(Walk::trampoline), kStack, 0);
  const auto traceback = walk.run(1'000'000);
  CHECK(traceback.end == TracebackEnd::no_unwind_info);
  CHECK(traceback.frames.size() < 20);
}

TEST_CASE("a walk through a stack reader is the same walk", "[unit]") {
  Walk walk;
  walk.put(0x8, Walk::at(Walk::plain));
  walk.put(0x18, Walk::at(Walk::outermost));
  StackReader reader(walk.memory);
  const auto direct = walk.run();
  walk.memory.reads = 0;
  CHECK(memsnap::walk(walk.registers, reader, walk.modules, walk, 100) == direct);
  CHECK(walk.memory.reads == 1);
}

}  // namespace
}  // namespace memsnap
