#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/module.h"
#include "core/recorder/image.h"
#include "plugin/recorder/hooks.h"
#include "plugin/recorder/inferior_arena.h"
#include "plugin/recorder/module_rows.h"

namespace memsnap {

/// What the recorder is told at its start.
struct RecorderSettings {
  std::uint32_t frame_limit = 32;
  bool from_process_start = false;  ///< no block can be older than the recorder
  std::uint32_t history = 0;        ///< freed blocks to keep, at most layout::kMostHistory
  std::string session{};            ///< Recording::session
};

/// The recorder in one process: its code, its data, its hooks.
///
/// What is needed to find it again and to take the hooks out is noted in the inferior itself, so that a debugger that
/// attaches later can go on where this one left.
class Installation {
 public:
  Installation(Debugger& debugger, EntryPoints& entry_points, UnwindTables& tables);
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  /// Maps code and data into the process; nothing runs it yet. Errors: Code::unsupported and others, with the reason;
  /// the process then is as it was, and this object of no more use.
  Result<void> install(const RecorderSettings& settings, const ModuleMap& modules, const ModuleTable& names);
  /// Finds the recorder that the process has already: where an entry point's hook leads to, or at `control`, where one
  /// is known to be. Writes nothing. Errors: Code::not_found where there is none; Code::unsupported for one of another
  /// version, Code::malformed and Code::unmapped for one that cannot be read.
  Result<void> find(const ModuleMap& modules, Address control);

  /// Hooks what new modules have, and lets the recorder walk through them.
  Result<void> update(const ModuleMap& modules, const ModuleTable& names);
  /// Hooks what the user has added of the modules, as far as that can be. Errors: the first of what could not be.
  Result<void> add_own(const ModuleMap& modules, const ModuleTable& names);
  /// Gets out of the way of breakpoints that the user has set meanwhile.
  Result<void> adapt(const ModuleMap& modules, const ModuleTable& names);
  /// Where a thread goes on that has hit a breakpoint at `address`; nullopt where that is not one of a hook.
  std::optional<Address> stub_behind(Address address) const { return hooks_->stub_behind(address); }
  /// Hooks again what is not hooked.
  Result<void> place_all();
  /// Puts back every byte of the program's code. The recorder stays mapped, for threads that are in it.
  void remove_all();
  /// Gives back what the live blocks took, after remove_all(); does without while a thread may be at it.
  void forget_blocks();
  /// Keeps so many freed blocks from now on, and forgets those before; 0 keeps what there is.
  Result<void> keep_freed(std::uint32_t blocks);
  /// Snapshots are numbered anew in another session than the one before: the epochs that there are are older then.
  /// Noted with what is noted next.
  void count_epochs_for(const std::string& session);
  /// Whose snapshots the epochs are counted by; those up to `older_epochs` are of others.
  const std::string& session() const { return session_; }
  std::uint32_t older_epochs() const { return older_epochs_; }
  /// For a process that is gone.
  void forget_breakpoints() { hooks_->forget_breakpoints(); }

  /// What of the user's own could not be hooked at the last update(); empty where all is.
  const std::string& own_problem() const { return own_problem_; }
  /// Whether find() found none because no entry point is known, or the code of one cannot be read.
  bool may_have_missed_hooks() const { return may_have_missed_hooks_; }
  /// Whether hooks were in place when find() found them.
  bool was_recording() const { return was_recording_; }
  /// Entry points whose calls nobody caught between the last debugger and this one.
  const std::vector<std::string>& unwatched() const { return unwatched_; }
  Address control() const { return addresses_.control; }
  Address code() const { return addresses_.code; }
  /// Where a thread comes by that has passed the limit.
  Address passed() const { return addresses_.passed; }
  /// Where a thread comes by that has noted a fault.
  Address faulted() const { return addresses_.faulted; }
  /// Where the process comes by that is about to end by way of a hooked function.
  Address exiting() const { return addresses_.exiting; }
  const std::vector<Hook>& hooks() const { return hooks_->hooks(); }
  /// By layout::Site::domain.
  const std::vector<std::string>& domains() const { return domains_; }
  /// What is known of the memory that was mapped for it: all where this debugger did that.
  std::vector<AddressRange> memory() const;
  /// Bytes of the inferior that were mapped from here and, for a recorder that was found, before.
  std::uint64_t mapped() const { return mapped_before_ + mappings_.bytes(); }

  /// A field of the Control; 0 where it cannot be read.
  template <typename T>
  T get(std::size_t offset) {
    T value{};
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    return debugger_.memory().read(addresses_.control + offset, bytes) == sizeof value ? value : T{};
  }
  /// Sets a field of the Control.
  template <typename T>
  Result<void> set(std::size_t offset, const T& value) {
    return debugger_.write(addresses_.control + offset, std::as_bytes(std::span(&value, 1)));
  }

 private:
  Result<void> map_code();
  Result<void> set_up(const RecorderSettings& settings, const ModuleMap& modules, const ModuleTable& names);
  Result<void> tell_operators(const ModuleMap& modules);
  Result<void> hook_own(const ModuleMap& modules, const ModuleTable& names);
  Result<void> write_notes();
  std::optional<Address> control_behind(Address entry);
  Address hooked_control(const ModuleMap& modules);
  Result<void> read_notes(Address control);

  Debugger& debugger_;
  EntryPoints& entry_points_;
  InferiorMappings mappings_;
  InferiorArena arena_;
  ModuleRows rows_;
  RecorderImage image_;
  RecorderAddresses addresses_;
  std::uint64_t code_size_ = 0;
  std::unique_ptr<Hooks> hooks_;
  std::vector<std::string> domains_;
  std::vector<std::string> spaces_;  // whose each is, from 1 on
  std::uint64_t modules_generation_ = 0;
  std::uint64_t mapped_before_ = 0;  // by an earlier debugger
  std::string session_;
  std::uint32_t older_epochs_ = 0;
  AddressRange notes_;  // the memory that they are written to
  bool may_have_missed_hooks_ = false;
  bool was_recording_ = false;
  std::vector<std::string> unwatched_;
  std::string own_problem_;
};

}  // namespace memsnap
