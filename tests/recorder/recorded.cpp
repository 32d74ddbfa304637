#include "tests/recorder/recorded.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "tests/catch.h"

namespace memsnap::test {
namespace {

template <typename T>
std::string message_of(const Result<T>& result) {
  return result ? std::string() : result.error().message;
}

// Records a process, lets it run, and says so. (A thread that was stopped after a single step dies with its tracer:
// Linux leaves the processor's trap flag set.)
[[noreturn]] void record_until_killed(pid_t pid, std::optional<std::uint64_t> limit, int ready) {
  try {
    Recorded recorded;
    recorded.debugger.attach(pid);
    if (recorded.session.set_limit(limit) && recorded.session.start({.frames = 32, .engine = "recorder"})) {
      recorded.debugger.resume();
      static_cast<void>(write(ready, "x", 1));
      pause();
    }
  } catch (...) {
    // The end of the pipe tells.
  }
  _exit(1);
}

}  // namespace

std::string recorded_program(const std::string& name) { return fmt::format("{}/recorded_{}", MEMSNAP_RECORDED, name); }

Recorded::Recorded(std::uint32_t frames, std::uint32_t history)
    : session(debugger), frames_(frames), history_(history) {
  debugger.set_events(&session);
}

void Recorded::launch(const std::string& program, const std::vector<std::string>& arguments,
                      const std::vector<std::string>& environment) {
  record();
  debugger.launch(recorded_program(program), arguments, environment);
}

void Recorded::record() {
  const auto started = session.start({.frames = frames_, .engine = "recorder", .history = history_});
  INFO(message_of(started));
  REQUIRE(started.has_value());
}

OsThreadId Recorded::run_to(Address address) {
  const auto stop = debugger.run_to({address});
  INFO("on the way to " << std::hex << address.value << ": " << to_string(stop) << "\n" << debugger.told());
  REQUIRE(stop.kind == Stop::Kind::reached);
  return stop.thread;
}

void Recorded::run_to_end() {
  const auto stop = debugger.run_to(std::vector<Address>());
  INFO(to_string(stop) << "\n" << debugger.told());
  REQUIRE(stop.kind == Stop::Kind::exited);
  REQUIRE(stop.value == 0);
}

RecorderEngine& Recorded::engine() {
  const auto engine = session.engine();
  INFO(message_of(engine) << "\n" << debugger.told());
  REQUIRE(engine.has_value());
  auto* recorder = dynamic_cast<RecorderEngine*>(*engine);
  REQUIRE(recorder != nullptr);
  return *recorder;
}

AddressRange Recorded::recorder_code() {
  const auto control = engine().control().value;
  return {{read<std::uint64_t>(control + offsetof(layout::Control, code_begin))},
          {read<std::uint64_t>(control + offsetof(layout::Control, code_end))}};
}

RecorderReader Recorded::reader() {
  auto reader = RecorderReader::open(debugger.memory(), engine().control());
  INFO(message_of(reader));
  REQUIRE(reader.has_value());
  return std::move(*reader);
}

RecordedBooks Recorded::books() {
  auto books = reader().read_books();
  INFO(message_of(books));
  REQUIRE(books.has_value());
  return std::move(*books);
}

Totals Recorded::totals() {
  const auto totals = engine().totals();
  INFO(message_of(totals));
  REQUIRE(totals.has_value());
  return *totals;
}

Blocks Recorded::blocks() {
  Blocks blocks;
  const auto done = reader().for_each_block([&](const RecordedBlock& block) {
    blocks.emplace(block.address.value, block.size);
    return true;
  });
  INFO(message_of(done));
  REQUIRE(done.has_value());
  return blocks;
}

Look Recorded::look() {
  Look look;
  look.totals = totals();
  auto now = engine().now();
  INFO(message_of(now));
  REQUIRE(now.has_value());
  look.counts = std::move(now->counts);
  const auto done = reader().for_each_block([&](const RecordedBlock& block) {
    look.blocks.push_back(block);
    return true;
  });
  INFO(message_of(done));
  REQUIRE(done.has_value());
  std::ranges::sort(look.blocks);
  return look;
}

std::vector<RecordedFreed> Recorded::freed() {
  std::vector<RecordedFreed> all;
  const auto done = reader().for_each_freed([&](const RecordedFreed& each) {
    all.push_back(each);
    return true;
  });
  INFO(message_of(done));
  REQUIRE(done.has_value());
  return all;
}

std::vector<Fault> Recorded::faults() {
  auto found = engine().faults();
  INFO(message_of(found));
  REQUIRE(found.has_value());
  return std::move(*found);
}

std::uint64_t Recorded::not_recorded() {
  std::uint64_t calls = 0;
  for (const auto count : books().not_recorded) {
    calls += count;
  }
  return calls;
}

std::uint64_t Recorded::argument(OsThreadId thread, unsigned number) {
  constexpr Register kArguments[] = {Register::rdi, Register::rsi, Register::rdx,
                                     Register::rcx, Register::r8,  Register::r9};
  return *debugger.read_register(thread, kArguments[number]);
}

std::string Recorded::read_text(std::uint64_t address) {
  std::string text;
  for (char next = 0; (next = read<char>(address + text.size())) != '\0';) {
    text.push_back(next);
  }
  return text;
}

void Recorded::read_bytes(std::uint64_t address, std::span<std::byte> into) {
  REQUIRE(debugger.memory().read({address}, into) == into.size());
}

bool record_by_killed_debugger(pid_t pid, std::optional<std::uint64_t> limit) {
  std::array<int, 2> ready{};
  REQUIRE(pipe2(ready.data(), O_CLOEXEC) == 0);
  const auto killed = fork();
  if (killed == 0) {
    record_until_killed(pid, limit, ready[1]);
  }
  close(ready[1]);
  char byte = 0;
  const auto got = read(ready[0], &byte, 1);
  close(ready[0]);
  kill(killed, SIGKILL);
  CHECK(wait_for(killed).killed_by() == SIGKILL);
  return got == 1;
}

}  // namespace memsnap::test
