#pragma once

#include <lldb/API/LLDB.h>

#include <cstdint>
#include <optional>
#include <string>

namespace memsnap {

/// The frame that the user is to find selected at a stop that a breakpoint's callback asks for.
///
/// What a callback selects LLDB 14 keeps, and later ones (seen in 22) forget before the stop is shown. A stop hook
/// comes late enough. It stays for that one stop, and prints nothing: the command that it gives is answered here.
class StopFrame {
 public:
  /// In a callback that stops: selects frame `index` of `thread`.
  void choose(lldb::SBThread thread, std::uint32_t index);
  /// The stop hook's command was given, or the user's own of that name. True: it was the hook's, and has been done.
  bool select();
  /// Takes the hook out, where there is one. Not while it runs.
  void forget();
  /// Has a stop hook in the target from now on, whose command watches(words) knows. LLDB has no other word of a stop
  /// for a plugin that does not take the events from LLDB's own.
  void watch(lldb::SBTarget target);
  static bool watches(const char** words);

  /// The command that select() answers.
  static constexpr const char* kCommand = "frame select";

 private:
  lldb::SBThread thread_;
  std::optional<std::uint32_t> index_;
  std::string hook_;  // its number; empty for none
  lldb::SBTarget watched_;
};

}  // namespace memsnap
