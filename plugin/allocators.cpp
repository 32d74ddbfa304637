#include "plugin/allocators.h"

#include <algorithm>
#include <deque>
#include <string>
#include <unordered_map>

#include "core/module.h"
#include "core/recorder/layout.h"

namespace memsnap {
namespace {

// The calls of one family, by the C library's names; a prefix makes jemalloc's, tcmalloc's and mimalloc's of them.
constexpr EntryPointSpec kFamily[] = {
    {.name = "malloc", .kind = CallKind::allocate, .size = 0},
    {.name = "free", .kind = CallKind::free, .pointer = 0},
    {.name = "calloc", .kind = CallKind::allocate, .size = 0, .count = 1},
    {.name = "realloc", .kind = CallKind::reallocate, .pointer = 0, .size = 1},
    {.name = "reallocarray", .kind = CallKind::reallocate, .pointer = 0, .size = 1, .count = 2},
    {.name = "memalign", .kind = CallKind::allocate, .size = 1},
    {.name = "aligned_alloc", .kind = CallKind::allocate, .size = 1},
    {.name = "posix_memalign", .kind = CallKind::allocate_out, .pointer = 0, .size = 2},
    {.name = "valloc", .kind = CallKind::allocate, .size = 0},
    {.name = "pvalloc", .kind = CallKind::allocate, .size = 0},
    {.name = "free_sized", .kind = CallKind::free, .pointer = 0},
    {.name = "free_aligned_sized", .kind = CallKind::free, .pointer = 0},
    {.name = "cfree", .kind = CallKind::free, .pointer = 0},
};

// jemalloc's own interface. Sources: jemalloc(3).
constexpr EntryPointSpec kExtended[] = {
    {.name = "mallocx", .kind = CallKind::allocate, .size = 0},
    {.name = "rallocx", .kind = CallKind::reallocate, .pointer = 0, .size = 1},
    {.name = "dallocx", .kind = CallKind::free, .pointer = 0},
    {.name = "sdallocx", .kind = CallKind::free, .pointer = 0},
};

// Itanium C++ ABI names: nw/na new and new[], dl/da delete and delete[].
constexpr std::string_view kNewForms[] = {"m", "mRKSt9nothrow_t", "mSt11align_val_t", "mSt11align_val_tRKSt9nothrow_t"};
constexpr std::string_view kDeleteForms[] = {
    "Pv", "Pvm", "PvRKSt9nothrow_t", "PvSt11align_val_t", "PvmSt11align_val_t", "PvSt11align_val_tRKSt9nothrow_t"};

struct Prefix {
  std::string_view text;
  std::string_view domain;
};
constexpr Prefix kPrefixes[] = {{"je_", "jemalloc"}, {"_rjem_", "jemalloc"}, {"tc_", "tcmalloc"}, {"mi_", "mimalloc"}};

std::string_view keep(std::string text) {
  static std::deque<std::string> names;  // grows while the one table is made
  return names.emplace_back(std::move(text));
}

std::vector<EntryPointSpec> make_table() {
  std::vector<EntryPointSpec> table;
  const auto add = [&table](EntryPointSpec spec, std::string name, std::string_view domain, bool is_plain) {
    spec.name = keep(std::move(name));
    spec.domain = domain;
    spec.is_plain = is_plain;
    table.push_back(spec);
  };
  for (const auto& spec : kFamily) {
    add(spec, std::string(spec.name), "malloc", true);
  }
  for (const std::string_view operation : {"_Znw", "_Zna"}) {
    for (const auto form : kNewForms) {
      add({.kind = CallKind::allocate, .size = 0}, std::string(operation).append(form), "new", true);
    }
  }
  for (const std::string_view operation : {"_Zdl", "_Zda"}) {
    for (const auto form : kDeleteForms) {
      add({.kind = CallKind::free, .pointer = 0}, std::string(operation).append(form), "new", true);
    }
  }
  for (const auto& spec : kExtended) {
    add(spec, std::string(spec.name), "jemalloc", true);
  }
  for (const auto& prefix : kPrefixes) {
    for (const auto& spec : kFamily) {
      add(spec, std::string(prefix.text).append(spec.name), prefix.domain, false);
    }
    if (prefix.domain == "jemalloc") {
      for (const auto& spec : kExtended) {
        add(spec, std::string(prefix.text).append(spec.name), prefix.domain, false);
      }
    }
  }
  return table;
}

bool is_dynamic_loader(std::string_view path) { return base_name(path).starts_with("ld-linux"); }

bool is_cxx_library(std::string_view path) {
  const auto name = base_name(path);
  return name.starts_with("libstdc++.so") || name.starts_with("libc++.so") || name.starts_with("libc++abi.so");
}

AddressRange code_of(const ElfSymbol& symbol) { return {{symbol.value}, {symbol.value + symbol.size}}; }

void sort_and_unify(std::vector<AddressRange>& ranges) {
  std::ranges::sort(ranges);
  const auto duplicates = std::ranges::unique(ranges);
  ranges.erase(duplicates.begin(), duplicates.end());
}

std::uint8_t families_of(const EntryPointSpec& spec) {
  if (!spec.is_plain) {
    return layout::kAnyFamily;
  }
  if (spec.domain != "new") {
    return layout::kMallocFamily;
  }
  return spec.name.starts_with("_Zna") || spec.name.starts_with("_Zda") ? layout::kNewArrayFamily : layout::kNewFamily;
}

// Where a module has only some of the operators, the C++ library's others go on to these: `new[]` to `new`.
void widen_families(std::vector<EntryPoint>& entry_points) {
  std::uint8_t gives = 0;
  std::uint8_t takes = 0;
  for (const auto& entry : entry_points) {
    const bool is_one = entry.families == layout::kNewFamily || entry.families == layout::kNewArrayFamily;
    if (is_one && (entry.spec.name == "_Znwm" || entry.spec.name == "_Znam")) {
      gives |= entry.families;
    } else if (is_one && (entry.spec.name == "_ZdlPv" || entry.spec.name == "_ZdaPv")) {
      takes |= entry.families;
    }
  }
  constexpr std::uint8_t kBoth = layout::kNewFamily | layout::kNewArrayFamily;
  for (auto& entry : entry_points) {
    const bool is_operator = (entry.families & kBoth) != 0 && (gives != kBoth || takes != kBoth);
    entry.families |= is_operator ? kBoth : 0;
  }
}

void add_once(std::vector<AddressRange>& ranges, const ElfSymbol& symbol) {
  const auto code = code_of(symbol);
  if (std::ranges::find(ranges, code) == ranges.end()) {
    ranges.push_back(code);
  }
}

// Functions begin at multiples of 16; what lies between is padding.
constexpr std::uint64_t kPadding = 16;

// A function begins at `offset`: no code of the entry point before it lies there.
void limit_room(std::vector<EntryPoint>& entry_points, std::uint64_t offset) {
  const auto next = std::ranges::lower_bound(entry_points, offset, {}, &EntryPoint::offset);
  if (next != entry_points.begin()) {
    auto& before = *std::prev(next);
    before.room = std::min(before.room, offset - before.offset);
  }
}

// What is not an allocator, but has to be known in order to record inside a process.
void note_run_time(const ElfSymbol& symbol, ModuleEntryPoints& found) {
  if (symbol.name == "_Unwind_Find_FDE") {
    add_once(found.find_fde, symbol);
  } else if (symbol.name == "_exit" && symbol.is_global) {
    add_once(found.exits, symbol);
  } else if (symbol.name == "runtime.exit.abi0") {  // Go
    add_once(found.other_exits, symbol);
  } else if (symbol.name == "prctl" && symbol.is_global) {
    found.prctl = code_of(symbol);
  } else if (symbol.name == "syscall" && symbol.is_global) {
    found.syscall = code_of(symbol);
  } else if (symbol.name == "gnu_get_libc_version" || symbol.name == "__libc_setup_tls") {  // shared; linked in
    found.c_library = CLibrary::gnu;
  } else if (symbol.name == "__init_tp" || symbol.name == "__libc_start_init") {
    found.c_library = CLibrary::musl;
  }
}

}  // namespace

const std::vector<EntryPointSpec>& known_entry_points() {
  static const auto table = make_table();
  return table;
}

bool is_operator_delete(std::string_view symbol) {
  return symbol.starts_with("_ZdlPv") || symbol.starts_with("_ZdaPv");
}

bool is_operator_new(std::string_view symbol) { return symbol.starts_with("_Znwm") || symbol.starts_with("_Znam"); }

void for_each_function(const ElfFile& file, const ElfFile* debug_file,
                       const std::function<void(const ElfSymbol&)>& visit) {
  file.for_each_function(visit);
  if (debug_file != nullptr) {
    debug_file->for_each_function(visit);
  }
}

void order_and_measure(std::vector<EntryPoint>& entry_points, const ElfFile& file, const ElfFile* debug_file) {
  std::ranges::sort(entry_points, {}, &EntryPoint::offset);
  for (auto& entry : entry_points) {
    entry.room = entry.size + kPadding;
  }
  if (!entry_points.empty()) {
    for_each_function(file, debug_file, [&](const ElfSymbol& symbol) { limit_room(entry_points, symbol.value); });
  }
}

ModuleEntryPoints find_entry_points(const ElfFile& file, std::string_view path, const ElfFile* debug_file) {
  static const auto ranks = [] {
    std::unordered_map<std::string_view, std::size_t> by_name;
    for (std::size_t i = 0; i < known_entry_points().size(); ++i) {
      by_name.emplace(known_entry_points()[i].name, i);
    }
    return by_name;
  }();

  ModuleEntryPoints found;
  if (is_dynamic_loader(path)) {
    found.is_dynamic_loader = true;
    return found;
  }
  if (base_name(path).starts_with("ld-musl") || base_name(path).starts_with("libc.musl")) {
    found.c_library = CLibrary::musl;
  }
  const bool passes_on = is_cxx_library(path);
  const bool is_gnu = base_name(path).starts_with("libstdc++.so");
  bool is_new_glibc = false;
  bool is_linked_in = false;
  bool has_local = false;
  bool has_local_operator = false;
  std::unordered_map<std::uint64_t, std::uint8_t> families;                            // by offset
  std::vector<ElfSymbol> locals;                                                       // with plain names
  std::unordered_map<std::uint64_t, std::pair<std::size_t, std::uint64_t>> by_offset;  // rank in the table, size
  const auto visit = [&](const ElfSymbol& symbol) {
    note_run_time(symbol, found);
    // New in glibc 2.34, in which the functions are gone that a program could have malloc call (__malloc_hook).
    is_new_glibc = is_new_glibc || symbol.name == "_Fork";
    is_linked_in = is_linked_in || symbol.name == "__libc_setup_tls";
    has_local = has_local || !symbol.is_global;
    const auto rank = ranks.find(symbol.name);
    if (rank == ranks.end()) {
      return;
    }
    const auto& spec = known_entry_points()[rank->second];
    if (spec.is_plain && !symbol.is_global) {
      locals.push_back(symbol);
      has_local_operator = has_local_operator || spec.domain == "new";
      return;
    }
    if (passes_on && spec.domain == "new") {
      if (is_operator_new(symbol.name)) {
        found.operator_new.push_back(code_of(symbol));
      } else if (is_operator_delete(symbol.name)) {
        found.operator_delete.push_back(code_of(symbol));
        if (is_gnu && (symbol.name == "_ZdlPv" || symbol.name == "_ZdlPvSt11align_val_t")) {
          add_once(found.passing_deletes, symbol);
        }
      }
      return;
    }
    families[symbol.value] |= families_of(spec);
    const auto [entry, is_new] = by_offset.try_emplace(symbol.value, rank->second, symbol.size);
    if (!is_new && rank->second < entry->second.first) {
      entry->second = {rank->second, symbol.size};
    }
  };
  for_each_function(file, debug_file, visit);
  // What a program has linked in may be another allocator, by all of glibc's names.
  found.is_glibc = found.c_library == CLibrary::gnu && is_new_glibc && !is_linked_in;
  if (found.c_library != CLibrary::none) {
    // A position independent program that has the C library in it may have made local what that calls itself: malloc.
    for (const auto& symbol : locals) {
      const auto rank = ranks.at(symbol.name);
      const auto has_rank = [rank](const auto& entry) { return entry.second.first == rank; };
      if (std::ranges::none_of(by_offset, has_rank)) {
        by_offset.try_emplace(symbol.value, rank, symbol.size);
        families[symbol.value] |= families_of(known_entry_points()[rank]);
      }
    }
    found.init_array = file.init_array();
  } else {
    found.prctl = {};
    found.syscall = {};
  }
  for (const auto& [offset, entry] : by_offset) {
    found.entry_points.push_back({.spec = known_entry_points()[entry.first],
                                  .offset = offset,
                                  .size = entry.second,
                                  .families = families[offset]});
  }
  widen_families(found.entry_points);
  found.names_operators = (has_local && !has_local_operator) || passes_on || found.c_library != CLibrary::none;
  order_and_measure(found.entry_points, file, debug_file);
  sort_and_unify(found.operator_new);
  sort_and_unify(found.operator_delete);
  return found;
}

}  // namespace memsnap
