#include "core/symbols/symbolizer.h"

#include <utility>

#include "core/symbols/dwarf_scopes.h"
#include "core/symbols/module_files.h"
#include "core/symbols/symbol_index.h"

namespace memsnap {

// What one module's files say.
class Symbolizer::ModuleSymbols {
 public:
  ModuleSymbols(const Module& module, const std::vector<std::string>& directories)
      : path_(module.path), files_(module, directories), symbols_(files_.all()) {}

  ModuleFiles& files() { return files_; }

  std::vector<AddressRange> inlined_code(std::uint64_t address,
                                         const std::function<bool(const std::string&)>& is_wanted) {
    auto* scopes = files_.dwarf();
    return scopes != nullptr ? scopes->inlined_code(address, is_wanted) : std::vector<AddressRange>();
  }

  std::optional<Variable> variable(std::uint64_t address) {
    if (!variables_) {
      variables_.emplace(files_.all(), SymbolKind::variables);
    }
    const auto found = variables_->find(address);
    return found ? std::optional(Variable{demangle(found->name), address - found->begin}) : std::nullopt;
  }

  std::vector<Frame> frames(std::uint64_t offset) {
    const auto address = offset - 1;
    const auto symbol = symbols_.find(address);
    std::vector<Frame> result;
    auto* dwarf = files_.dwarf();
    auto scopes =
        dwarf != nullptr ? dwarf->find(address, symbol ? symbol->name : std::string()) : std::vector<ScopeFrame>();
    for (auto& scope : scopes) {
      Frame frame;
      frame.file = std::move(scope.file);
      frame.line = scope.line;
      frame.function = std::move(scope.function);
      frame.inlined = scope.inlined;
      frame.function_offset = scope.begin == 0 ? 0 : offset - scope.begin;
      result.push_back(std::move(frame));
    }
    if (result.empty()) {
      result.emplace_back();
    }
    if (result.back().function.empty() && symbol) {
      result.back().function = demangle(symbol->name);
    }
    for (auto& frame : result) {
      frame.module = path_;
      frame.offset = offset;
      // Inlined code is part of the function that it was inlined into, and lies as far from that one's start.
      frame.function_offset = symbol ? offset - symbol->begin : result.back().function_offset;
    }
    return result;
  }

 private:
  std::string path_;
  ModuleFiles files_;
  SymbolIndex symbols_;
  std::optional<SymbolIndex> variables_;  // once they are asked for
};

Symbolizer::Symbolizer(const ModuleTable& modules) : modules_(modules), directories_{"/usr/lib/debug"} {}
Symbolizer::~Symbolizer() = default;

void Symbolizer::set_debug_directories(std::vector<std::string> directories) { directories_ = std::move(directories); }

Symbolizer::ModuleSymbols& Symbolizer::symbols(ModuleId id) {
  auto& found = opened_[id];
  if (!found) {
    found = std::make_unique<ModuleSymbols>(modules_.get(id), directories_);
  }
  return *found;
}

ModuleFiles& Symbolizer::files(ModuleId id) { return symbols(id).files(); }

std::vector<AddressRange> Symbolizer::inlined_code(const Pc& pc,
                                                   const std::function<bool(const std::string&)>& is_wanted) {
  return pc.module == ModuleId::none ? std::vector<AddressRange>()
                                     : symbols(pc.module).inlined_code(pc.offset, is_wanted);
}

std::optional<Symbolizer::Variable> Symbolizer::variable(const Pc& address) {
  return address.module == ModuleId::none ? std::nullopt : symbols(address.module).variable(address.offset);
}

std::optional<StackVariable> Symbolizer::stack_variable(const Pc& pc, std::int64_t from_cfa) {
  auto* dwarf = pc.module == ModuleId::none ? nullptr : symbols(pc.module).files().dwarf();
  return dwarf == nullptr ? std::nullopt : memsnap::stack_variable(*dwarf, pc.offset, from_cfa);
}

const std::vector<Frame>* Symbolizer::known_frames(const Pc& pc) const {
  const auto known = frames_.find(pc);
  return known == frames_.end() ? nullptr : &known->second;
}

void Symbolizer::tell(const Pc& pc, std::vector<Frame>&& frames) { frames_.try_emplace(pc, std::move(frames)); }

const std::vector<Frame>& Symbolizer::frames(const Pc& pc) {
  if (const auto* known = known_frames(pc)) {
    return *known;
  }
  std::vector<Frame> frames(1);
  if (pc.module == ModuleId::none) {
    frames.front().offset = pc.offset;
  } else {
    frames = symbols(pc.module).frames(pc.offset);
  }
  return frames_.emplace(pc, std::move(frames)).first->second;
}

}  // namespace memsnap
