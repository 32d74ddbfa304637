#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/module.h"
#include "core/symbols/stack_variable.h"
#include "core/trace/frame.h"

namespace memsnap {

class ModuleFiles;

/// Turns Pcs into frames from the modules' files: DWARF (inline frames, lines), else the symbol table. Each Pc once.
///
/// Why not the debugger's own look-up: a snapshot must read the same in both debuggers, after dlclose, after exit and
/// in another session, and by then the debugger has dropped the module. What a debugger knows better comes in from
/// outside: the separate debug file that it found (Module::debug_file), and where sources are (see SourceLines).
///
/// Files are opened on first use and kept. A file whose build id is not the module's is not used.
class Symbolizer final : public FrameSource {
 public:
  explicit Symbolizer(const ModuleTable& modules);
  ~Symbolizer() override;

  const std::vector<Frame>& frames(const Pc& pc) override;

  /// The code of the innermost inlined call at the instruction at `pc` (no return address) that is of a function that
  /// `is_wanted`, by its name; as the module's file counts. Empty where there is none.
  std::vector<AddressRange> inlined_code(const Pc& pc, const std::function<bool(const std::string&)>& is_wanted);

  /// The variable that an address (no return address) is in or at, by the symbols of its module's files.
  struct Variable {
    std::string name;          ///< demangled
    std::uint64_t offset = 0;  ///< of the address in it, in bytes
  };
  std::optional<Variable> variable(const Pc& address);

  /// The variable of a function that lies in its frame: `pc` is in it, no return address; see memsnap::stack_variable.
  std::optional<StackVariable> stack_variable(const Pc& pc, std::int64_t from_cfa);

  /// The files that it reads of a module, which is not ModuleId::none; opened where they are not yet. Valid for its
  /// life.
  ModuleFiles& files(ModuleId id);

  /// What it has said of this Pc, or was told; nullptr where there is nothing yet. As valid as frames().
  const std::vector<Frame>* known_frames(const Pc& pc) const;
  /// Tells it the frames at a Pc, at least one, in place of what the module's files say. Where the Pc is known already,
  /// nothing changes.
  void tell(const Pc& pc, std::vector<Frame>&& frames);

  /// Where separate debug files are looked for, besides the module's own folder and its .debug: each laid out as
  /// /usr/lib/debug is, which is the default. For modules that are not opened yet.
  void set_debug_directories(std::vector<std::string> directories);

 private:
  class ModuleSymbols;
  ModuleSymbols& symbols(ModuleId id);

  const ModuleTable& modules_;
  std::vector<std::string> directories_;
  std::unordered_map<ModuleId, std::unique_ptr<ModuleSymbols>> opened_;
  std::unordered_map<Pc, std::vector<Frame>> frames_;
};

/// A function's name for people: demangled where it is mangled (Itanium ABI), `> >` written as `>>`.
std::string demangle(const std::string& name);

}  // namespace memsnap
