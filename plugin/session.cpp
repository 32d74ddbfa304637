#include "plugin/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/formats/size.h"
#include "plugin/around.h"
#include "plugin/block_types.h"
#include "plugin/breakpoint_engine.h"
#include "plugin/packing.h"
#include "plugin/program_start.h"
#include "plugin/progress.h"

namespace memsnap {
namespace {

constexpr std::string_view kNoAllocator =
    "no allocator found in this program; no module of it has malloc or another known entry point";
constexpr std::string_view kBreakpointCost = "each allocator call stops the program twice, for 0.3 to 1 ms each";

}  // namespace

Result<void> check_engine(std::string_view name) {
  return name == "auto" || name == "recorder" || name == "breakpoint"
             ? Result<void>()
             : fail(Code::usage, fmt::format("'{}' is no engine; engines are auto, recorder, breakpoint", name));
}

Session::Session(Debugger& debugger)
    : debugger_(debugger),
      entry_points_(recording_.modules),
      unwind_tables_(recording_.modules),
      symbolizer_(recording_.modules),
      blame_(recording_.tracebacks, symbolizer_, hide_rules_),
      core_file_(debugger, recording_, entry_points_, unwind_tables_),
      sources_(debugger),
      types_(std::make_unique<BlockTypes>(debugger, recording_, symbolizer_, sources_)),
      call_watch_(debugger, recording_.modules, modules_, unwind_tables_, symbolizer_,
                  [this](Address address) { return engine_ && engine_->has_breakpoint(address); }),
      around_(std::make_unique<Around>(*this)) {}

Session::~Session() = default;

Tracing Session::tracing() const {
  if (!wanted_) {
    return Tracing::no;
  }
  return process_is_gone_ ? Tracing::armed : Tracing::yes;
}

Result<std::string> Session::start(const StartOptions& options) {
  const auto state = debugger_.state();
  if (state == InferiorState::core) {
    return cannot_be_traced();
  }
  if (wanted_) {
    return fail(Code::tracing,
                fmt::format("tracing already, with {} frames; 'memsnap stop' first, then start anew", options_.frames));
  }
  if (state == InferiorState::running) {
    return process_is_running();
  }
  if (auto watching = debugger_.watch_modules(true); !watching) {
    return std::unexpected(watching.error());
  }
  options_ = options;
  wanted_ = true;
  engine_.reset();
  recorder_ = nullptr;
  why_breakpoint_.clear();
  failure_.reset();
  process_is_gone_ = true;
  if (state == InferiorState::stopped) {
    if (auto begun = begin(false); !begun) {
      if (auto stopped = stop(); !stopped) {
        return std::unexpected(stopped.error());
      }
      return std::unexpected(begun.error());
    }
  }
  const auto text = fmt::format("memsnap: {}, {} frames, engine {}{}\n", process_is_gone_ ? "armed" : "tracing",
                                options_.frames, process_is_gone_ ? std::string_view(options_.engine) : engine_->name(),
                                options_.history == 0 ? std::string() : fmt::format(", history {}", options_.history));
  return text + fallback_line();
}

std::string Session::fallback_line() const {
  return why_breakpoint_.empty()
             ? std::string()
             : fmt::format("memsnap: engine breakpoint, as {}; {}\n", why_breakpoint_, kBreakpointCost);
}

std::string Session::remark() {
  if (debugger_.state() == InferiorState::core) {
    const auto engine = this->engine();
    return engine ? std::string() : engine.error().message;
  }
  if (failure_) {
    return failure_->message;
  }
  if (engine_ && process_is_gone_ && !engine_->has_entry_points()) {
    return std::string(kNoAllocator);
  }
  return why_breakpoint_.empty() ? std::string() : fmt::format("engine breakpoint, as {}", why_breakpoint_);
}

Result<void> Session::stop() {
  if (!wanted_ && debugger_.state() == InferiorState::core) {
    return cannot_be_traced();
  }
  if (!wanted_) {
    return fail(Code::not_tracing, "not tracing; 'memsnap start' starts it");
  }
  if (debugger_.state() == InferiorState::running) {
    return process_is_running();
  }
  wanted_ = false;
  around_->new_process();
  call_watch_.cancel();
  if (engine_) {
    engine_->stop(process_is_gone_);
    engine_.reset();
    recorder_ = nullptr;
  }
  process_is_gone_ = true;
  debugger_.forget_symbols();
  return debugger_.watch_modules(false);
}

// A process that nothing has told us of: one that was attached to after arming, or that has called exec and is stopped
// before any of the new program's code.
Result<void> Session::notice_process() {
  if (debugger_.state() != InferiorState::stopped) {
    return {};
  }
  if (process_is_gone_) {
    return begin(false);
  }
  if (debugger_.program_instance() != program_instance_) {
    on_modules_changed();
  }
  return {};
}

Result<Engine*> Session::engine() {
  const auto state = debugger_.state();
  if (state == InferiorState::core) {
    // The debugger shows the one, and the books that could be read are the other's.
    return wanted_ && !process_is_gone_
               ? fail(Code::tracing, "another process is traced; 'memsnap stop' there, then read the core file")
               : Result<Engine*>(core_file_.engine());
  }
  if (!wanted_) {
    return fail(Code::not_tracing, state == InferiorState::none
                                       ? "no process; 'memsnap start' arms tracing for the next run"
                                       : "not tracing; 'memsnap start' starts it");
  }
  if (state == InferiorState::running) {
    return process_is_running();
  }
  if (auto noticed = notice_process(); !noticed) {
    return std::unexpected(noticed.error());
  }
  if (failure_) {
    return std::unexpected(*failure_);
  }
  if (!engine_) {
    return fail(Code::no_process, "no process; tracing is armed and begins with the next run");
  }
  if (!engine_->has_entry_points()) {
    return fail(Code::not_found, std::string(kNoAllocator));
  }
  return engine_.get();
}

Engine* Session::engine_or_null() {
  if (debugger_.state() == InferiorState::core) {
    const auto engine = this->engine();
    return engine ? *engine : nullptr;
  }
  if (wanted_) {
    static_cast<void>(notice_process());
  }
  return engine_.get();
}

Result<void> Session::set_limit(std::optional<std::uint64_t> bytes) {
  if (debugger_.state() == InferiorState::running) {
    return process_is_running();
  }
  if (engine_ && !process_is_gone_) {
    if (auto set = engine_->set_limit(bytes); !set) {
      return set;
    }
  }
  limit_ = bytes;
  return {};
}

Result<void> Session::set_site_limit(std::optional<CallSiteLimit> limit) {
  if (debugger_.state() == InferiorState::running) {
    return process_is_running();
  }
  if (engine_ && !process_is_gone_) {
    if (auto told = tell_site_limit(limit); !told) {
      return told;
    }
  }
  site_limit_ = std::move(limit);
  return {};
}

Result<void> Session::tell_site_limit(const std::optional<CallSiteLimit>& limit) {
  if (!limit) {
    return engine_->set_site_limit(std::nullopt);
  }
  return engine_->set_site_limit(SiteLimit{limit->bytes, [this, site = limit->site](TracebackId id) {
                                             const auto call_site = blame_.find_call_site(id);
                                             return call_site && site.matches(*call_site->judged.frame);
                                           }});
}

void Session::on_rules_changed() {
  if (site_limit_ && engine_ && !process_is_gone_ && debugger_.state() == InferiorState::stopped) {
    static_cast<void>(tell_site_limit(site_limit_));
  }
}

Result<void> Session::add_allocator(std::string_view domain, const std::vector<OwnFunction>& functions) {
  if (wanted_ && debugger_.state() == InferiorState::running) {
    return process_is_running();
  }
  if (auto added = entry_points_.own_allocators().add(domain, functions); !added) {
    return added;
  }
  if (wanted_ && !process_is_gone_ && engine_ && debugger_.state() == InferiorState::stopped) {
    return engine_->allocators_changed();
  }
  return {};
}

bool Session::has_own(const EntryPointSpec& function) {
  const auto is_it = [&](const EntryPoint& entry) { return entry.spec.name == function.name; };
  return engine_ && std::ranges::any_of(modules_.modules(), [&](const LoadedModule& module) {
           return std::ranges::any_of(entry_points_.own(module.id), is_it);
         });
}

Result<SnapshotPtr> Session::take(const std::string& name) {
  if (!name.empty()) {
    if (auto free_to_use = snapshots_.check_name(name); !free_to_use) {
      return std::unexpected(free_to_use.error());
    }
  }
  auto snapshot = now();
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  snapshot->name = name;
  if (engine_) {
    engine_->set_epoch(snapshots_.next_id());
  }
  return snapshots_.add(std::move(*snapshot));
}

Result<Snapshot> Session::now() {
  const auto engine = this->engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  auto snapshot = (*engine)->now();
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  snapshot->name = "now";
  snapshot->script_frames = options_.script_frames;
  snapshot->since_start_only = since_start_only();
  return snapshot;
}

Result<Address> Session::evaluate(const std::string& expression) {
  if (debugger_.state() != InferiorState::stopped) {
    return debugger_.evaluate(expression);
  }
  const auto before = mapped_ranges(debugger_);
  auto address = debugger_.evaluate(expression);
  for (const auto& range : mapped_ranges(debugger_)) {
    // What was there before may be one range with what is new.
    auto begin = range.begin;
    for (const auto& known : before) {
      if (known.end > begin && known.begin < range.end) {
        if (begin < known.begin) {
          debugger_memory_.push_back({begin, known.begin});
        }
        begin = known.end;
      }
    }
    if (begin < range.end) {
      debugger_memory_.push_back({begin, range.end});
    }
  }
  return address;
}

bool Session::since_start_only() {
  return debugger_.state() == InferiorState::core ? core_file_.since_start_only() : since_start_only_;
}

Result<SnapshotPtr> Session::find_snapshot(std::string_view word) {
  if (word != "now") {
    return snapshots_.find(word);
  }
  auto snapshot = now();
  return snapshot ? Result<SnapshotPtr>(std::make_shared<const Snapshot>(std::move(*snapshot)))
                  : std::unexpected(snapshot.error());
}

Result<SnapshotPtr> Session::latest_snapshot() {
  return snapshots_.all().empty() ? find_snapshot("now") : Result<SnapshotPtr>(snapshots_.all().back());
}

BlockTypes& Session::types() {
  types_->at_stop();
  return *types_;
}

Result<SnapshotFile> Session::pack(const Snapshot& snapshot, const Snapshot* older) {
  Progress progress(debugger_, "reading symbols");
  const auto goes_on = [&progress](double share) { return progress(share); };
  return older == nullptr ? memsnap::pack(snapshot, recording_, symbolizer_, goes_on)
                          : pack_difference(*older, snapshot, recording_, symbolizer_, goes_on);
}

Snapshot Session::unpack(SnapshotFile file) { return memsnap::unpack(std::move(file), recording_, symbolizer_); }

Result<void> Session::begin(bool from_process_start) {
  if (const auto instance = debugger_.program_instance(); instance != program_instance_) {
    program_instance_ = instance;
    debugger_memory_.clear();
    recorder_control_ = {};
  }
  process_is_gone_ = false;
  around_->new_process();
  modules_ = map_modules(debugger_, recording_.modules);
  from_process_start_ =
      from_process_start || is_at_program_start(debugger_, modules_, recording_.modules, unwind_tables_);
  since_start_only_ = !from_process_start_;
  why_breakpoint_.clear();
  if (options_.engine == "breakpoint") {
    make_breakpoint_engine();
  } else {
    make_recorder();
  }
  auto told = tell_engine();
  if (told && engine_->has_entry_points()) {
    if (const auto faults = engine_->faults(); faults && !faults->empty()) {
      debugger_.watch_signals();  // of a recorder that an earlier debugger left
    }
  }
  return told;
}

void Session::make_breakpoint_engine() {
  recorder_ = nullptr;
  adopt_engine(
      std::make_unique<BreakpointEngine>(debugger_, recording_, entry_points_, unwind_tables_,
                                         BreakpointSettings{options_.frames, from_process_start_, options_.history}));
}

void Session::adopt_engine(std::unique_ptr<Engine> engine) {
  engine_ = std::move(engine);
  engine_->set_epoch(snapshots_.next_id() - 1);
  static_cast<void>(engine_->set_limit(limit_));  // nothing is in the process yet
  static_cast<void>(tell_site_limit(site_limit_));
}

void Session::make_recorder() {
  auto recorder = std::make_unique<RecorderEngine>(
      debugger_, recording_, entry_points_, unwind_tables_,
      RecorderSettings{options_.frames, from_process_start_, options_.history}, recorder_control_);
  recorder_ = recorder.get();
  adopt_engine(std::move(recorder));
}

Result<void> Session::tell_engine() {
  failure_.reset();
  if (const auto obstacle = modules_.modules().empty() ? debugger_.injection_obstacle() : std::string();
      !obstacle.empty()) {
    failure_ = Error{Code::unsupported, fmt::format("the process cannot be traced, as {}", obstacle), {}};
    return std::unexpected(*failure_);
  }
  auto changed = engine_->modules_changed(modules_);
  if (recorder_ == nullptr) {
    return changed;
  }
  if (changed) {
    recorder_control_ = recorder_->control();
    since_start_only_ = recorder_->goes_on() ? !recorder_->goes_on_from_start() : !from_process_start_;
    return changed;
  }
  engine_->stop(false);
  if (options_.engine == "recorder") {
    failure_ = Error{changed.error().code, "engine recorder cannot work here: " + changed.error().message, {}};
    return std::unexpected(*failure_);
  }
  why_breakpoint_ = changed.error().message;
  make_breakpoint_engine();
  return engine_->modules_changed(modules_);
}

AfterHit Session::on_breakpoint(Address address, StoppedThread& thread) {
  auto after = AfterHit::go_on;
  const auto passed = engine_ && !process_is_gone_ ? engine_->breakpoint_hit(address, thread) : PassedLimits();
  if (passed.has_fault) {
    debugger_.watch_signals();
  }
  if (passed.any()) {
    tell_passed(passed);
    thread.select_frame(user_frame(thread));
    after = AfterHit::stop;
  }
  const auto watched = call_watch_.hit(address, thread);
  if (after == AfterHit::stop || watched != AfterHit::stop_quietly || runs_on_) {
    return after == AfterHit::stop ? after : watched;
  }
  // The user let it go on by another command than that which would have told of this.
  debugger_.tell("memsnap: the call has ended; 'memsnap around --continue' tells what it changed\n");
  thread.select_frame(0);
  return AfterHit::stop;
}

void Session::tell_passed(const PassedLimits& passed) {
  if (passed.size && limit_) {
    debugger_.tell(
        fmt::format("memsnap: traced size {} passed the limit {}\n", format_size(*passed.size), format_size(*limit_)));
  }
  if (passed.size_at_site && site_limit_) {
    debugger_.tell(fmt::format("memsnap: size {} of {} passed the limit {}\n", format_size(*passed.size_at_site),
                               site_limit_->name, format_size(site_limit_->bytes)));
  }
}

void Session::set_last_table(Table table, std::optional<LostBlocks> lost) {
  last_table_ = std::move(table);
  last_lost_ = std::move(lost);
}

Result<Standing> Session::run_on() {
  on_breakpoints_changed();  // no debugger tells of all of them in time
  runs_on_ = true;
  const auto standing = debugger_.run_on();
  runs_on_ = false;
  if (standing == Standing::gone) {
    on_process_gone();
  } else if (wanted_) {
    static_cast<void>(notice_process());  // it may have become another program
  }
  return standing;
}

// The call site of what has just been allocated, in the thread's frames as they are now.
std::size_t Session::user_frame(StoppedThread& thread) {
  Traceback traceback;
  for (const auto pc : thread.unwind(options_.frames)) {
    traceback.frames.push_back({FrameKind::native, modules_.to_pc(pc)});
  }
  return blame_.call_site(recording_.tracebacks.intern(traceback)).value_or(0);
}

void Session::on_breakpoints_changed() {
  if (engine_ && !process_is_gone_ && debugger_.state() == InferiorState::stopped) {
    engine_->breakpoints_changed();
  }
}

void Session::on_modules_changed() {
  if (!wanted_) {
    return;
  }
  const bool has_execed = !process_is_gone_ && debugger_.program_instance() != program_instance_;
  if (has_execed) {
    // The process called exec: everything that was recorded went with the old program.
    engine_->stop(true);
    call_watch_.process_gone(CallEnd::program);
    debugger_.forget_symbols();
    process_is_gone_ = true;
  }
  const auto had_fallen_back = !process_is_gone_ && !why_breakpoint_.empty();
  const auto told = !process_is_gone_ && failure_ ? failure_->message : std::string();
  Result<void> done;
  if (process_is_gone_) {
    done = begin(has_execed || debugger_.saw_start());
  } else {
    modules_ = map_modules(debugger_, recording_.modules);
    done = tell_engine();
  }
  on_breakpoints_changed();  // a debugger may have moved some to the new modules
  if (!done && done.error().message != told) {
    debugger_.tell(fmt::format("memsnap: nothing is recorded: {}\n", done.error().message));
  } else if (done && !had_fallen_back && !why_breakpoint_.empty()) {
    debugger_.tell(fallback_line());
  }
}

// Where the process is about to die of what the allocator was asked, or may be.
void Session::on_signal_stop(std::string_view signal) {
  if ((signal != "SIGSEGV" && signal != "SIGABRT" && signal != "SIGBUS") || !engine_ || process_is_gone_) {
    return;
  }
  const auto faults = engine_->faults();
  if (!faults || faults->empty()) {
    return;
  }
  const auto times = total_times(*faults);
  debugger_.tell(fmt::format("memsnap: {} recorded; 'memsnap faults' shows what the allocator was asked\n",
                             times == 1 ? "a fault was" : fmt::format("{} faults were", times)));
}

void Session::on_process_gone() {
  if (engine_ && !process_is_gone_) {
    process_is_gone_ = true;
    engine_->stop(true);
    call_watch_.process_gone(CallEnd::process);
    debugger_.forget_symbols();
  }
}

}  // namespace memsnap
