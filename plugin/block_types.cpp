#include "plugin/block_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/heap/type_name.h"
#include "plugin/memory_window.h"

namespace memsnap {
namespace {

constexpr std::string_view kUnknown = "<unknown>";

// A type that says nothing of what somebody keeps in its bytes.
bool is_bytes(const AllocationType& type) { return type.type != nullptr && type.size() == 1 && !type.type->is_class(); }

std::string with_extent(const std::string& name, std::uint64_t count) {
  return count == 1 ? name : fmt::format("{}[{}]", name, count);
}

// Of all blocks together, whether they are of one or of more.
Extent extent_of_all(const AllocationType& type, const LiveCount& live) {
  return live.size == type.size() * live.count ? Extent() : Extent{.count = 2, .offset = 0};
}

// Where `make_shared` puts the object, in libstdc++ and in libc++.
constexpr std::array<std::string_view, 2> kShared = {"std::_Sp_counted_ptr_inplace", "std::__1::__shared_ptr_emplace"};
// Where the object is in one, member by member.
constexpr std::array<std::array<std::string_view, 2>, 2> kStorage = {{{"_M_impl", "_M_storage"}, {"__storage_"}}};

}  // namespace

BlockTypes::BlockTypes(Debugger& debugger, Recording& recording, Symbolizer& symbolizer, SourceReader& sources)
    : debugger_(debugger),
      recording_(recording),
      catalog_(symbolizer),
      sources_(sources),
      allocations_(catalog_,
                   [this](const std::string& file, std::uint32_t line) { return sources_.line(file, line); }) {
  catalog_.set_goes_on([this] { return !debugger_.interrupted(); });
}

void BlockTypes::at_stop() {
  sources_.forget();
  modules_ = map_modules(debugger_, recording_.modules);
}

std::string BlockTypes::type(const LiveBlock& block) { return describe(block, debugger_.memory()).type; }

BlockTypes::Names BlockTypes::names(const LiveBlock& block, MemoryReader& memory) {
  auto described = describe(block, memory);
  return {std::move(described.type), std::move(described.row)};
}

std::string BlockTypes::preview(const LiveBlock& block) {
  auto& memory = debugger_.memory();
  return memsnap::preview(describe(block, memory).shape, block.address, block.size, memory);
}

std::string BlockTypes::member_path(const LiveBlock& block, std::uint64_t offset) {
  const auto shape = describe(block, debugger_.memory()).shape;
  if (shape.type == nullptr || shape.type->size == 0 || offset < shape.offset) {
    return {};
  }
  const auto index = (offset - shape.offset) / shape.type->size;
  if (index >= shape.count) {
    return {};
  }
  auto path = memsnap::member_path(*shape.type, (offset - shape.offset) % shape.type->size);
  if (!shape.is_array) {
    return path;
  }
  return fmt::format("[{}]{}{}", index, path.empty() || path.starts_with('[') || path.starts_with('+') ? "" : ".",
                     path);
}

const AllocationType& BlockTypes::allocation_type(TracebackId traceback) {
  static const AllocationType kNone;
  if (const auto known = by_traceback_.find(traceback); known != by_traceback_.end()) {
    return known->second;
  }
  std::vector<Pc> pcs;
  for (const auto frame : recording_.tracebacks.stored(traceback).frames) {
    pcs.push_back(recording_.tracebacks.frame(frame).pc);
  }
  auto found = allocations_.find(pcs);
  return debugger_.interrupted() ? kNone : by_traceback_.emplace(traceback, std::move(found)).first->second;
}

std::string BlockTypes::static_type(TracebackId traceback) {
  const auto& type = allocation_type(traceback);
  return type.name.empty() ? std::string() : of_code(type, {}).row;
}

bool BlockTypes::fits(const LiveBlock& block, const AllocationType& type, const std::optional<Extent>& extent,
                      MemoryReader& memory) {
  if (type.name.empty()) {
    return false;
  }
  if (!extent) {
    return type.size() == 0 && !type.is_guess;
  }
  return extent->offset == 0 || read_word(memory, block.address + (extent->offset - kWord)) == extent->count;
}

BlockTypes::Described BlockTypes::describe(const LiveBlock& block, MemoryReader& memory) {
  const auto& type = allocation_type(block.origin.traceback);
  const auto extent = extent_of(type, block.size);
  const bool is_told = fits(block, type, extent, memory);
  // Contents know better where the code only hands out bytes.
  if (!is_told || is_bytes(type)) {
    if (auto found = of_contents(block, memory)) {
      return *found;
    }
  }
  return is_told ? of_code(type, extent.value_or(Extent())) : Described{{}, std::string(kUnknown), {}};
}

BlockTypes::Described BlockTypes::of_code(const AllocationType& type, const Extent& extent) {
  using Amount = AllocationType::Amount;
  const auto name = shown_type_name(type.name);
  const bool is_more = extent.count > 1 || extent.offset != 0;
  const bool is_many = type.amount == Amount::many || (type.amount == Amount::any && is_more);
  // What holds text is an array of one, too.
  const bool is_array = is_many && (is_more || type.size() == 1);
  Described described{is_more ? fmt::format("{}[{}]", name, extent.count) : name,
                      is_many ? name + "[]" : name,
                      {type.type, extent.offset, extent.count, is_array}};
  unwrap_shared(type.name, type.module, described);
  return described;
}

std::optional<BlockTypes::Described> BlockTypes::of_contents(const LiveBlock& block, MemoryReader& memory) {
  // A count in front of an array of objects with stricter alignment takes more room.
  for (const std::uint64_t offset : {std::uint64_t{0}, kWord, 2 * kWord}) {
    const auto* found = block.size >= offset + kWord ? class_at(block.address + offset, memory) : nullptr;
    if (found == nullptr) {
      continue;
    }
    const auto name = shown_type_name(found->name);
    const auto one = found->type == nullptr ? 0 : found->type->size;
    if (one == 0) {
      return offset == 0 ? std::optional(Described{name, name, {}}) : std::nullopt;
    }
    const auto count = (block.size - offset) / one;
    if (count == 0 || (block.size - offset) % one != 0 ||
        (offset != 0 && read_word(memory, block.address + (offset - kWord)) != count) ||
        (count > 1 && class_at(block.address + offset + one, memory) != found)) {
      return std::nullopt;
    }
    const bool is_array = offset != 0 || count > 1;
    Described described{offset != 0 ? fmt::format("{}[{}]", name, count) : with_extent(name, count),
                        is_array ? name + "[]" : name,
                        {found->type, offset, count, is_array}};
    unwrap_shared(found->name, found->module, described);
    return described;
  }
  return std::nullopt;
}

const BlockTypes::Dynamic* BlockTypes::class_at(Address object, MemoryReader& memory) {
  const auto word = read_word(memory, object);
  const auto pc = word ? modules_.to_pc({*word}) : Pc();
  if (pc.module == ModuleId::none) {
    return nullptr;
  }
  auto known = by_vtable_.find(pc);
  if (known == by_vtable_.end()) {
    std::optional<Dynamic> found;
    if (auto name = catalog_.vtables(pc.module).class_at(pc.offset)) {
      const auto* type = catalog_.find(*name, pc.module);
      if (debugger_.interrupted()) {
        return nullptr;
      }
      found = Dynamic{std::move(*name), type, pc.module};
    }
    known = by_vtable_.emplace(pc, std::move(found)).first;
  }
  return known->second ? &*known->second : nullptr;
}

void BlockTypes::unwrap_shared(const std::string& name, ModuleId module, Described& described) {
  const auto kind = std::ranges::find(kShared, template_name(name));
  const auto arguments = kind == kShared.end() ? std::vector<std::string_view>() : template_arguments(name);
  if (arguments.empty()) {
    return;
  }
  const std::string object(arguments.front());
  const auto* within = described.shape.type;
  std::uint64_t offset = 0;
  for (const auto where : kStorage.at(static_cast<std::size_t>(kind - kShared.begin()))) {
    if (within != nullptr && !where.empty()) {
      const auto member = find_member(*within, where);
      within = member ? member->type : nullptr;
      offset += member ? member->offset : 0;
    }
  }
  described.shape = {};
  if (within != nullptr) {
    const auto* builtin = builtin_type(object);
    described.shape.type = builtin != nullptr ? builtin : catalog_.find(object, module);
    described.shape.offset = offset;
  }
  described.type = described.row = shown_type_name(object) + " (make_shared)";
}

bool BlockTypes::is_told_by_code(const LiveCount& live) {
  const auto& type = allocation_type(live.origin.traceback);
  return !is_bytes(type) && fits_all(type, live.size, live.count);
}

TypeShare BlockTypes::share(const LiveCount& live) {
  const auto& type = allocation_type(live.origin.traceback);
  const bool is_told = fits_all(type, live.size, live.count);
  const auto learnt = learnt_.find(live.origin.traceback);
  if ((!is_told || is_bytes(type)) && learnt != learnt_.end() && !learnt->second.rows.empty()) {
    return {fmt::format("{}", fmt::join(learnt->second.rows, " | ")), live.size, live.count};
  }
  return {is_told ? of_code(type, extent_of_all(type, live)).row : std::string(kUnknown), live.size, live.count};
}

void BlockTypes::learn(std::span<const LiveBlock> blocks) {
  constexpr std::uint32_t kMostBlocks = 256;  // of one traceback
  MemoryWindow memory(debugger_.memory());
  std::unordered_map<TracebackId, Learnt> seen;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    constexpr std::size_t kStep = 1024;
    if (i % kStep == 0 && debugger_.interrupted()) {
      return;
    }
    auto& learnt = seen[blocks[i].origin.traceback];
    if (learnt.seen < kMostBlocks) {
      ++learnt.seen;
      learnt.rows.insert(names(blocks[i], memory).row);
    }
  }
  for (auto& [traceback, learnt] : seen) {
    // Of nothing but unknown blocks nothing was learnt.
    if (learnt.rows.size() > 1 || !learnt.rows.contains(std::string(kUnknown))) {
      learnt_.insert_or_assign(traceback, std::move(learnt));
    }
  }
}

}  // namespace memsnap
