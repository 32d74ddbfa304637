#include "plugin/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plugin/breakpoint_engine.h"

namespace memsnap {
namespace {

constexpr std::string_view kWhyBreakpoint =
    "memsnap: engine auto takes breakpoint, as there is no recorder yet; each allocator call stops the program twice, "
    "for 0.3 to 1 ms each";

}  // namespace

Session::Session(Debugger& debugger)
    : debugger_(debugger),
      unwind_tables_(recording_.modules),
      symbolizer_(recording_.modules),
      blame_(recording_.tracebacks, symbolizer_, hide_rules_),
      sources_(debugger) {}

Session::~Session() = default;

Tracing Session::tracing() const {
  if (!wanted_) {
    return Tracing::no;
  }
  return process_is_gone_ ? Tracing::armed : Tracing::yes;
}

Result<std::string> Session::start(const StartOptions& options) {
  if (wanted_) {
    return fail(Code::tracing,
                fmt::format("tracing already, with {} frames; 'memsnap stop' first, then start anew", options_.frames));
  }
  if (options.engine == "recorder") {
    return fail(Code::unsupported, "engine recorder is not there yet; 'memsnap start --engine breakpoint' works");
  }
  const auto state = debugger_.state();
  if (state == InferiorState::running) {
    return fail(Code::running, "the process is running; interrupt it first");
  }
  if (auto watching = debugger_.watch_modules(true); !watching) {
    return std::unexpected(watching.error());
  }
  options_ = options;
  wanted_ = true;
  engine_.reset();
  process_is_gone_ = true;
  if (state == InferiorState::stopped) {
    if (auto begun = begin(false); !begun) {
      if (auto stopped = stop(); !stopped) {
        return std::unexpected(stopped.error());
      }
      return std::unexpected(begun.error());
    }
  }
  auto text = process_is_gone_
                  ? fmt::format("memsnap: armed, {} frames, engine {}\n", options_.frames, options_.engine)
                  : fmt::format("memsnap: tracing, {} frames, engine {}\n", options_.frames, engine_->name());
  if (options_.engine == "auto") {
    text.append(kWhyBreakpoint).append("\n");
  }
  return text;
}

Result<void> Session::stop() {
  if (!wanted_) {
    return fail(Code::not_tracing, "not tracing; 'memsnap start' starts it");
  }
  if (debugger_.state() == InferiorState::running) {
    return fail(Code::running, "the process is running; interrupt it first");
  }
  wanted_ = false;
  if (engine_) {
    engine_->stop(process_is_gone_);
    engine_.reset();
  }
  process_is_gone_ = true;
  return debugger_.watch_modules(false);
}

Result<Engine*> Session::engine() {
  if (!wanted_) {
    return fail(Code::not_tracing, debugger_.state() == InferiorState::none
                                       ? "no process; 'memsnap start' arms tracing for the next run"
                                       : "not tracing; 'memsnap start' starts it");
  }
  const auto state = debugger_.state();
  if (state == InferiorState::running) {
    return fail(Code::running, "the process is running; interrupt it first");
  }
  if (process_is_gone_ && state == InferiorState::stopped) {
    // Attached to after arming: nothing told us yet.
    if (auto begun = begin(false); !begun) {
      return std::unexpected(begun.error());
    }
  }
  if (!engine_) {
    return fail(Code::no_process, "no process; tracing is armed and begins with the next run");
  }
  if (!process_is_gone_ && engine_->report().entry_points.empty()) {
    return fail(Code::not_found,
                "no allocator found in this program; no module of it has malloc or another known entry "
                "point");
  }
  return engine_.get();
}

Result<SnapshotPtr> Session::take(const std::string& name) {
  if (!name.empty()) {
    if (auto free_to_use = snapshots_.check_name(name); !free_to_use) {
      return std::unexpected(free_to_use.error());
    }
  }
  const auto current = now();
  if (!current) {
    return current;
  }
  auto snapshot = **current;
  snapshot.name = name;
  engine_->set_epoch(snapshots_.next_id());
  return snapshots_.add(std::move(snapshot));
}

Result<SnapshotPtr> Session::now() {
  const auto engine = this->engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  auto snapshot = (*engine)->now();
  snapshot.name = "now";
  snapshot.since_start_only = since_start_only_;
  return std::make_shared<const Snapshot>(std::move(snapshot));
}

Result<SnapshotPtr> Session::find_snapshot(std::string_view word) {
  return word == "now" ? now() : snapshots_.find(word);
}

Result<SnapshotPtr> Session::latest_snapshot() {
  return snapshots_.all().empty() ? now() : Result<SnapshotPtr>(snapshots_.all().back());
}

Result<void> Session::begin(bool from_process_start) {
  program_instance_ = debugger_.program_instance();
  engine_ =
      std::make_unique<BreakpointEngine>(debugger_, recording_, unwind_tables_, options_.frames, from_process_start);
  engine_->set_epoch(snapshots_.next_id() - 1);
  process_is_gone_ = false;
  since_start_only_ = !from_process_start;
  return read_modules();
}

Result<void> Session::read_modules() {
  std::vector<LoadedModule> loaded;
  for (auto& mapped : debugger_.modules()) {
    const auto id = recording_.modules.intern(mapped.module);
    if (!mapped.module.debug_file.empty()) {
      recording_.modules.set_debug_file(id, mapped.module.debug_file);
    }
    loaded.push_back({id, mapped.bias, std::move(mapped.segments)});
  }
  modules_ = ModuleMap(std::move(loaded));
  return engine_->modules_changed(modules_);
}

void Session::on_breakpoint(Address address, StoppedThread& thread) {
  if (engine_ && !process_is_gone_) {
    engine_->breakpoint_hit(address, thread);
  }
}

void Session::on_modules_changed() {
  if (!wanted_) {
    return;
  }
  if (!process_is_gone_ && debugger_.program_instance() != program_instance_) {
    // The process called exec: everything that was recorded went with the old program.
    engine_->stop(false);
    static_cast<void>(begin(true));
    return;
  }
  // A failure here has no one to be told to; `status` shows what is watched, and `take` fails where nothing is.
  const auto done = process_is_gone_ ? begin(debugger_.was_launched()) : read_modules();
  static_cast<void>(done);
}

void Session::on_process_gone() {
  if (engine_ && !process_is_gone_) {
    process_is_gone_ = true;
    engine_->stop(true);
  }
}

}  // namespace memsnap
