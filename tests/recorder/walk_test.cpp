// The recorder's tracebacks, against a walk of the same stack from outside.

#include "core/unwind/walk.h"

#include <algorithm>
#include <csignal>
#include <sstream>

#include "tests/catch.h"
#include "tests/recorder/recorded.h"

namespace memsnap::test {
namespace {

// Walks as the recorder should, with rows and modules of its own.
class Outside {
 public:
  explicit Outside(Recorded& recorded) : recorded_(recorded), tables_(modules_) { read_modules(); }

  // What called the function that the thread is about to execute.
  Traceback walk(OsThreadId thread, std::size_t limit) {
    auto& debugger = recorded_.debugger;
    const auto sp = *debugger.read_register(thread, Register::rsp);
    Registers registers;
    registers.set(Register::rip, recorded_.read<std::uint64_t>(sp));
    registers.set(Register::rsp, sp + 8);
    registers.set(Register::rbp, *debugger.read_register(thread, Register::rbp));
    return memsnap::walk(registers, debugger.memory(), map_, tables_, limit);
  }

  // What the recorder found for the block at this address.
  Traceback recorded(std::uint64_t address) {
    const auto reader = recorded_.reader();
    const auto block = reader.find_block({address});
    REQUIRE(block.has_value());
    REQUIRE(block->has_value());
    CHECK((*block)->address.value == address);
    const auto tracebacks = reader.read_tracebacks((*block)->origin, (*block)->origin);
    REQUIRE(tracebacks.has_value());
    REQUIRE(tracebacks->items.size() == 1);
    const auto& item = tracebacks->items.front();
    Traceback traceback{{}, item.end, item.stopped_at};
    for (const auto frame : tracebacks->frames_of(item)) {
      auto pc = map_.to_pc({frame - 1});
      ++pc.offset;
      traceback.frames.push_back({FrameKind::native, pc});
    }
    return traceback;
  }

  std::string to_text(const Traceback& traceback) const {
    std::string text = "end " + std::to_string(static_cast<int>(traceback.end)) + ", stopped at " +
                       std::to_string(traceback.stopped_at.value) + "\n";
    for (const auto& frame : traceback.frames) {
      std::ostringstream line;
      line << std::hex << frame.pc.offset;
      text += frame.pc.module == ModuleId::none ? "?" : base_name(modules_.get(frame.pc.module).path);
      text += " " + line.str() + "\n";
    }
    return text;
  }

 private:
  void read_modules() {
    std::vector<LoadedModule> loaded;
    for (auto& mapped : recorded_.debugger.modules()) {
      loaded.push_back({modules_.intern(mapped.module), mapped.bias, std::move(mapped.segments)});
    }
    map_ = ModuleMap(std::move(loaded));
  }

  Recorded& recorded_;
  ModuleTable modules_;
  UnwindTables tables_;
  ModuleMap map_;
};

struct Compared {
  std::size_t tracebacks = 0;
  std::size_t complete = 0;
  std::size_t deepest = 0;
};

// Interrupts the program after so many instructions.
void interrupt(Recorded& recorded, OsThreadId thread, std::size_t instructions) {
  for (std::size_t i = 0; i < instructions; ++i) {
    REQUIRE(recorded.debugger.single_step(thread));
  }
  recorded.debugger.deliver(thread, SIGUSR1);
}

Compared compare(const std::string& program, std::uint32_t limit) {
  Recorded recorded(limit);
  recorded.launch(program);
  recorded.run_to("main");
  Outside outside(recorded);
  const auto malloc = recorded.debugger.find_function("malloc");
  const auto interrupted = recorded.debugger.find_function("interrupt");
  Compared compared;
  std::size_t interruptions = 0;
  for (;;) {
    const auto stop = recorded.debugger.run_to({malloc, interrupted});
    if (stop.kind == Stop::Kind::exited) {
      return compared;
    }
    INFO(to_string(stop));
    REQUIRE(stop.kind == Stop::Kind::reached);
    if (stop.pc == interrupted) {
      interrupt(recorded, stop.thread, interruptions++ * 3 % 50);
      continue;
    }
    const auto expected = outside.walk(stop.thread, limit);
    const auto sp = *recorded.debugger.read_register(stop.thread, Register::rsp);
    const auto back = recorded.debugger.run_to({Address{recorded.read<std::uint64_t>(sp)}});
    INFO("call " << compared.tracebacks << ", then " << to_string(back));
    REQUIRE(back.kind == Stop::Kind::reached);
    REQUIRE(*recorded.debugger.read_register(stop.thread, Register::rsp) == sp + 8);
    const auto found = outside.recorded(*recorded.debugger.read_register(stop.thread, Register::rax));
    INFO("call " << compared.tracebacks << ", from outside: " << outside.to_text(expected));
    INFO("the recorder: " << outside.to_text(found));
    CHECK(found == expected);
    ++compared.tracebacks;
    compared.complete += expected.end == TracebackEnd::complete ? 1 : 0;
    compared.deepest = std::max(compared.deepest, expected.frames.size());
  }
}

TEST_CASE("the recorder tells frames apart that differ in what they do with rbp", "[recorder]") {
  for (const std::uint32_t limit : {3U, 10U, 64U}) {
    INFO(limit << " frames");
    const auto compared = compare("frames_alike", limit);
    CHECK(compared.tracebacks > 1500);
    CHECK(compared.deepest == limit);
  }
}

void check_program(const std::string& program) {
  for (const std::uint32_t limit : {1U, 5U, 32U, 256U}) {
    INFO(program << " with " << limit << " frames");
    const auto compared = compare(program, limit);
    CHECK(compared.tracebacks > 1500);
    CHECK(compared.deepest == limit);
    if (limit == 256) {
      CHECK(compared.complete > 1400);
    }
  }
}

TEST_CASE("the recorder walks a plain program's stacks as a walk from outside does", "[recorder]") {
  check_program("stacks");
}

TEST_CASE("the recorder walks an optimised program's stacks as a walk from outside does", "[recorder]") {
  check_program("stacks_optimised");
}

TEST_CASE("the recorder walks the stacks of a program with frame pointers as a walk from outside does", "[recorder]") {
  check_program("stacks_frame_pointers");
}

TEST_CASE("the recorder walks the stacks of a program without unwind information as a walk from outside does",
          "[recorder]") {
  check_program("stacks_no_rows");
}

}  // namespace
}  // namespace memsnap::test
