#include "plugin/recorder_engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "core/recorder/layout.h"
#include "core/symbols/symbolizer.h"
#include "plugin/recorder/control_search.h"
#include "plugin/recorder/symbol_file.h"

namespace memsnap {
namespace {

constexpr std::array<std::string_view, layout::kReasons> kReasonTexts = {
    "no memory for the recorder's tables",
    "made while the recorder was interrupted, by a signal handler or the debugger",
    "too many threads",
    "of a TiB or more, or not aligned to 8 bytes",
    "while the recorder's tables were held by a thread that does not run",
    "too many tracebacks",
};

constexpr std::uint32_t kMostEpochs = 0xffff;

constexpr std::string_view kLost =
    "the process is gone, and what it recorded with it: it was killed, or ended without the C library's _exit; "
    "'memsnap take' before that keeps it";

}  // namespace

RecorderEngine::RecorderEngine(Debugger& debugger, Recording& recording, EntryPoints& entry_points,
                               UnwindTables& tables, const RecorderSettings& settings, Address control)
    : debugger_(debugger),
      recording_(recording),
      entry_points_(entry_points),
      tables_(tables),
      settings_(settings),
      installation_(std::make_unique<Installation>(debugger, entry_points, tables)),
      stub_symbols_(debugger, tables),
      known_control_(control) {
  settings_.session = recording.session;
}

Result<void> RecorderEngine::modules_changed(const ModuleMap& modules) {
  if (!is_installed_) {
    modules_ = modules;
    const auto has_allocator = [&](const LoadedModule& module) {
      return !entry_points_.of(module.id).entry_points.empty() || !entry_points_.own(module.id).empty();
    };
    return std::ranges::any_of(modules_.modules(), has_allocator) ? begin() : Result<void>();
  }
  if (auto forgotten = forget_replaced(modules); !forgotten) {
    return forgotten;
  }
  modules_ = modules;
  // What is recorded stays recorded, also where a new module's allocator cannot be.
  remark_.clear();
  if (auto updated = installation_->update(modules_, recording_.modules); !updated) {
    remark_ = updated.error().message;
  } else {
    remark_ = installation_->own_problem();
  }
  stub_symbols_.tell(installation_->hooks(), modules_);
  watch_start_and_exit();
  return {};
}

Result<void> RecorderEngine::begin() {
  auto found = installation_->find(modules_, known_control_);
  if (!found && !settings_.from_process_start) {
    if (const auto control = find_stopped_control(debugger_)) {
      found = installation_->find(modules_, *control);
    }
  }
  if (found) {
    is_installed_ = true;
    return go_on();
  }
  if (auto installed = installation_->install(settings_, modules_, recording_.modules); !installed) {
    installation_ = std::make_unique<Installation>(debugger_, entry_points_, tables_);
    return installed;
  }
  is_installed_ = true;
  remark_ = installation_->own_problem();
  set_epoch(epoch_);
  watch_start_and_exit();
  watch_faults();
  tell_symbols();
  return tell_limits();
}

// What was recording goes on as it is. What was stopped begins anew, in the tables that are there.
Result<void> RecorderEngine::go_on() {
  goes_on_ = installation_->was_recording();
  installation_->count_epochs_for(settings_.session);
  older_epochs_ = installation_->older_epochs();
  if (auto set = installation_->set(offsetof(layout::Control, frame_limit), settings_.frame_limit); !set) {
    return set;
  }
  set_epoch(epoch_);
  if (auto kept = installation_->keep_freed(settings_.history); !kept) {
    return kept;
  }
  const std::uint32_t none = 0;
  if (!goes_on_) {
    for (const auto field : {offsetof(layout::Control, from_start), offsetof(layout::Control, fault_count)}) {
      if (auto set = installation_->set(field, none); !set) {
        return set;
      }
    }
    if (auto set = installation_->set(offsetof(layout::Control, faults_lost), std::uint64_t{0}); !set) {
      return set;
    }
    if (auto cleared = clear(); !cleared) {
      return cleared;
    }
  } else {
    goes_on_from_start_ = installation_->get<std::uint32_t>(offsetof(layout::Control, from_start)) != 0;
    if (!installation_->unwatched().empty()) {
      if (auto set = installation_->set(offsetof(layout::Control, knows_all), none); !set) {
        return set;
      }
      remark_ = fmt::format("while no debugger was attached, calls of {} were not recorded",
                            fmt::join(installation_->unwatched(), ", "));
    }
  }
  if (auto updated = installation_->update(modules_, recording_.modules); !updated) {
    return updated;
  }
  if (auto told = tell_limits(); !told) {
    return told;
  }
  watch_start_and_exit();
  watch_faults();
  tell_symbols();
  return installation_->place_all();
}

Result<void> RecorderEngine::adopt(const ModuleMap& modules) {
  auto found = installation_->find(modules, known_control_);
  if (!found && installation_->may_have_missed_hooks()) {
    const auto control = find_control(debugger_);
    found = control ? installation_->find(modules, *control) : std::unexpected(control.error());
  }
  if (!found) {
    return found;
  }
  if (!installation_->was_recording()) {
    return fail(Code::not_found, "the recorder in this process was stopped");
  }
  modules_ = modules;
  is_installed_ = true;
  goes_on_ = true;
  goes_on_from_start_ = installation_->get<std::uint32_t>(offsetof(layout::Control, from_start)) != 0;
  settings_.frame_limit = installation_->get<std::uint32_t>(offsetof(layout::Control, frame_limit));
  older_epochs_ = installation_->session() == settings_.session ? installation_->older_epochs() : kMostEpochs;
  if (!installation_->unwatched().empty()) {
    remark_ = fmt::format("calls of {} were recorded only while a debugger was attached",
                          fmt::join(installation_->unwatched(), ", "));
  }
  return {};
}

// The user's own `bt` passes through the hooks with their names, where the file of the names is at hand.
void RecorderEngine::tell_symbols() {
  if (const auto file = recorder_symbol_file(); !file.empty()) {
    static_cast<void>(debugger_.add_symbols(file, installation_->code()));
  }
  stub_symbols_.tell(installation_->hooks(), modules_);
}

// The books go with the process: they are read a last time where it ends. In one that was attached to, in the
// recorder's own code, which it passes by when its debugger has gone. And a debugger that tells of modules by a
// breakpoint may forget it for the next run; what it has in the C library's first code tells of that one.
void RecorderEngine::watch_start_and_exit() {
  if (!debugger_.was_launched()) {
    watch(installation_->exiting(), exits_);
    return;
  }
  std::vector<BreakpointId> gone;
  const auto forget_unmapped = [&](const auto& watch) {
    const bool is_unmapped = modules_.find(watch.first) == nullptr;
    if (is_unmapped) {
      gone.push_back(watch.second);
    }
    return is_unmapped;
  };
  std::erase_if(exits_, forget_unmapped);
  std::erase_if(starts_, forget_unmapped);
  debugger_.remove_breakpoints(gone);
  for (const auto& module : modules_.modules()) {
    const auto& known = entry_points_.of(module.id);
    for (const auto* exits : {&known.exits, &known.other_exits}) {
      for (const auto& code : *exits) {
        watch({code.begin.value + module.bias}, exits_);
      }
    }
    if (known.init_array != 0) {
      Address first;
      debugger_.memory().read({known.init_array + module.bias}, std::as_writable_bytes(std::span(&first.value, 1)));
      if (modules_.find(first) != nullptr) {
        watch(first, starts_);
      }
    }
  }
}

void RecorderEngine::watch(Address address, std::unordered_map<Address, BreakpointId>& watches) {
  if (!watches.contains(address)) {
    if (const auto breakpoint = debugger_.set_breakpoint(address)) {
      watches.emplace(address, *breakpoint);
    }
  }
}

// Where that cannot be, faults are noted all the same.
void RecorderEngine::watch_faults() {
  if (const auto breakpoint = debugger_.set_breakpoint(installation_->faulted())) {
    at_faulted_ = *breakpoint;
  }
}

void RecorderEngine::breakpoints_changed() {
  if (!is_installed_ || is_gone_) {
    return;
  }
  if (auto adapted = installation_->adapt(modules_, recording_.modules); !adapted) {
    remark_ = adapted.error().message;
  }
  stub_symbols_.tell(installation_->hooks(), modules_);
}

Result<void> RecorderEngine::allocators_changed() {
  if (is_gone_) {
    return {};
  }
  if (!is_installed_) {
    return modules_changed(ModuleMap(modules_));
  }
  auto added = installation_->add_own(modules_, recording_.modules);
  stub_symbols_.tell(installation_->hooks(), modules_);
  return added;
}

PassedLimits RecorderEngine::breakpoint_hit(Address address, StoppedThread& thread) {
  if (at_passed_ && address == installation_->passed()) {
    const auto caller = thread.read(Register::r11);
    return caller && debugger_.set_pc(thread.id(), {*caller}) ? take_passed() : PassedLimits();
  }
  if (at_faulted_ && address == installation_->faulted()) {
    return {.has_fault = true};
  }
  if (const auto stub = is_installed_ ? installation_->stub_behind(address) : std::nullopt) {
    static_cast<void>(debugger_.set_pc(thread.id(), *stub));
  }
  if (!exits_.contains(address)) {
    return {};
  }
  if (const auto books = read_books()) {
    last_ = Last{snapshot_of(*books), ledger_.totals(*books), report_of(&*books),
                 faults_of(*books).value_or(std::vector<Fault>())};
    last_->report.faults = total_times(last_->faults);
  }
  return {};
}

void RecorderEngine::stop(bool process_is_gone) {
  std::vector<BreakpointId> all;
  for (auto* watches : {&exits_, &starts_}) {
    for (const auto& [address, breakpoint] : *watches) {
      all.push_back(breakpoint);
    }
    watches->clear();
  }
  if (const auto at_passed = std::exchange(at_passed_, std::nullopt)) {
    all.push_back(*at_passed);
  }
  if (const auto at_faulted = std::exchange(at_faulted_, std::nullopt)) {
    all.push_back(*at_faulted);
  }
  debugger_.remove_breakpoints(all);
  is_gone_ = process_is_gone;
  if (!is_installed_) {
    return;
  }
  if (process_is_gone) {
    installation_->forget_breakpoints();
  } else {
    installation_->remove_all();
    installation_->forget_blocks();
  }
}

Result<Snapshot> RecorderEngine::now() {
  if (is_gone_) {
    return last_ ? Result<Snapshot>(last_->snapshot) : fail(Code::no_process, std::string(kLost));
  }
  const auto books = read_books();
  if (!books) {
    return std::unexpected(books.error());
  }
  return snapshot_of(*books);
}

Result<Totals> RecorderEngine::totals() {
  if (is_gone_) {
    return last_ ? Result<Totals>(last_->totals) : fail(Code::no_process, "the process is gone");
  }
  const auto books = read_books();
  return books ? Result<Totals>(ledger_.totals(*books)) : std::unexpected(books.error());
}

// The recorder's sum as it is now is the least that the peak can be from here on.
Result<void> RecorderEngine::set_peak(const RecordedBooks& books) {
  const std::uint32_t grown = 1;
  if (auto set = installation_->set(offsetof(layout::Control, peak), books.live); !set) {
    return set;
  }
  return installation_->set(offsetof(layout::Control, grown), grown);
}

Result<void> RecorderEngine::clear() {
  if (is_gone_) {
    return fail(Code::no_process, "the process is gone");
  }
  const auto books = read_books();
  if (!books) {
    return std::unexpected(books.error());
  }
  const auto generation = installation_->get<std::uint32_t>(offsetof(layout::Control, generation));
  if (auto set = installation_->set(offsetof(layout::Control, generation), generation + 1); !set) {
    return set;
  }
  ledger_.clear(*books);
  if (auto set = installation_->set(offsetof(layout::Control, forgotten), books->live); !set) {
    return set;
  }
  if (auto set = set_peak(*books); !set) {
    return set;
  }
  // What a block is that is freed from here on is not known any more.
  const std::uint32_t no = 0;
  if (auto set = installation_->set(offsetof(layout::Control, knows_all), no); !set) {
    return set;
  }
  const auto freed = installation_->get<std::uint64_t>(offsetof(layout::Control, history_count));
  if (auto set = installation_->set(offsetof(layout::Control, history_floor), freed); !set) {
    return set;
  }
  return tell_limits();
}

Result<void> RecorderEngine::reset_peak() {
  if (is_gone_) {
    return fail(Code::no_process, "the process is gone");
  }
  const auto books = read_books();
  if (!books) {
    return std::unexpected(books.error());
  }
  ledger_.reset_peak(*books);
  return set_peak(*books);
}

void RecorderEngine::set_epoch(std::uint32_t snapshot) {
  epoch_ = snapshot;
  if (is_installed_ && !is_gone_) {
    static_cast<void>(
        installation_->set(offsetof(layout::Control, epoch), std::min(older_epochs_ + snapshot, kMostEpochs)));
  }
}

EngineReport RecorderEngine::report_of(const RecordedBooks* books) const {
  EngineReport report;
  for (const auto& hook : installation_->hooks()) {
    if (!hook.domain.empty()) {
      report.entry_points.push_back({hook.domain, demangle(hook.name), hook.module, hook.call, hook.arguments,
                                     hook.plan.way == HookWay::jump ? "hook" : "breakpoint"});
    }
  }
  const auto order = [](const WatchedEntryPoint& entry) { return std::tie(entry.domain, entry.module, entry.name); };
  std::ranges::sort(report.entry_points, {}, order);
  report.remark = remark_;
  report.overhead_process = is_installed_ ? installation_->mapped() : 0;
  report.overhead_debugger =
      recording_.tracebacks.memory_bytes() + tables_.memory_bytes() + origins_.capacity() * sizeof(Known);
  if (books != nullptr) {
    report.faults_lost = books->faults_lost;
    report.history = books->history;
    report.overhead_process += books->mapped;
    for (std::size_t i = 0; i < kReasonTexts.size(); ++i) {
      if (books->not_recorded[i] != 0) {
        report.not_recorded[std::string(kReasonTexts[i])] = books->not_recorded[i];
      }
    }
  }
  return report;
}

EngineReport RecorderEngine::report() {
  if (is_gone_) {
    EngineReport lost;
    lost.remark = is_installed_ ? kLost : std::string_view();
    return last_ ? last_->report : lost;
  }
  const auto books = read_books();
  if (!books) {
    return report_of(nullptr);
  }
  auto report = report_of(&*books);
  report.faults = total_times(faults_of(*books).value_or(std::vector<Fault>()));
  return report;
}

}  // namespace memsnap
