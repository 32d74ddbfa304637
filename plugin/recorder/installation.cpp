#include "plugin/recorder/installation.h"

#include <fmt/format.h>
#include <sys/auxv.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/recorder/layout.h"
#include "core/recorder/reader.h"
#include "core/symbols/symbolizer.h"
#include "plugin/recorder/notes.h"
#include "plugin/thread_data.h"

namespace memsnap {
namespace {

// Behind the recorder's code: room for the stubs of modules that lie near enough, which most do.
constexpr std::size_t kStubRoom = 16 * kPage;

// As kGnuTid, in musl (since 1.1.20).
constexpr std::uint32_t kMuslTid = 0x30;

// Entries of tables that are looked at in search of what is behind faults, in all: some seconds', and some hundredths.
constexpr std::int64_t kLooksFromStart = std::int64_t{1} << 30;
constexpr std::int64_t kLooks = std::int64_t{1} << 24;

bool has_fsbase() {
  constexpr unsigned long kFsgsbase = 2;  // HWCAP2_FSGSBASE
  return (getauxval(AT_HWCAP2) & kFsgsbase) != 0;
}

}  // namespace

Installation::Installation(Debugger& debugger, EntryPoints& entry_points, UnwindTables& tables)
    : debugger_(debugger),
      entry_points_(entry_points),
      mappings_(debugger),
      arena_(debugger, mappings_),
      rows_(debugger, arena_, tables),
      hooks_(std::make_unique<Hooks>(debugger_, entry_points_, mappings_, arena_, addresses_)) {}

Result<void> Installation::map_code() {
  auto image = recorder_image();
  if (!image) {
    return std::unexpected(image.error());
  }
  image_ = *image;
  code_size_ = whole_pages(image_.bytes.size()) + kStubRoom;
  // The kernel mostly maps where the libraries are; a program with an allocator of its own may lie far off.
  auto code = mappings_.map(code_size_, Protection::read_execute, std::nullopt);
  if (!code) {
    return std::unexpected(code.error());
  }
  addresses_ = {.code = *code,
                .code_end = *code + code_size_,
                .control = {},
                .hook = *code + image_.hook,
                .hook_free = *code + image_.hook_free,
                .hook_glibc = *code + image_.hook_glibc,
                .hook_glibc_free = *code + image_.hook_glibc_free,
                .hook_find_fde = *code + image_.hook_find_fde,
                .hook_delete = *code + image_.hook_delete,
                .hook_filter = *code + image_.hook_filter,
                .hook_exit = *code + image_.hook_exit,
                .passed = *code + image_.passed,
                .exiting = *code + image_.exiting,
                .faulted = *code + image_.faulted};
  return debugger_.write(*code, image_.bytes);
}

Result<void> Installation::install(const RecorderSettings& settings, const ModuleMap& modules,
                                   const ModuleTable& names) {
  if (const auto obstacle = debugger_.injection_obstacle(); !obstacle.empty()) {
    return fail(Code::unsupported, obstacle);
  }
  auto done = set_up(settings, modules, names);
  if (!done) {
    hooks_->remove_all();
    mappings_.unmap_all();
  }
  return done;
}

Result<void> Installation::set_up(const RecorderSettings& settings, const ModuleMap& modules,
                                  const ModuleTable& names) {
  session_ = settings.session;
  if (auto mapped = map_code(); !mapped) {
    return mapped;
  }
  const auto control_address = arena_.take(sizeof(layout::Control));
  if (!control_address) {
    return std::unexpected(control_address.error());
  }
  addresses_.control = *control_address;
  // The arrays behind are zero already.
  constexpr auto kHead = offsetof(layout::Control, threads);
  auto control = std::make_unique<layout::Control>();
  control->magic = layout::kMagic;
  control->size = sizeof(layout::Control);
  control->version = layout::kVersion;
  control->code_begin = addresses_.code.value;
  control->code_end = addresses_.code_end.value;
  control->unwind_begin = (addresses_.code + image_.unwind_begin).value;
  control->unwind_end = (addresses_.code + image_.unwind_end).value;
  control->frame_limit = settings.frame_limit;
  control->from_start = settings.from_process_start ? 1 : 0;
  control->knows_all = control->from_start;
  control->has_fsbase = has_fsbase() ? 1 : 0;
  for (const auto& module : modules.modules()) {
    const auto library = entry_points_.of(module.id).c_library;
    if (library != CLibrary::none) {
      control->tid_offset = library == CLibrary::gnu ? kGnuTid : kMuslTid;
    }
  }
  if (auto written = debugger_.write(*control_address, std::as_bytes(std::span(control.get(), 1)).first(kHead));
      !written) {
    return written;
  }
  const auto address = control_address->value;
  if (auto written = debugger_.write(addresses_.code + image_.control, std::as_bytes(std::span(&address, 1)));
      !written) {
    return written;
  }
  // Blocks from before are no faults: there it pays less to look for what is behind a free of something unknown.
  const std::int64_t looks = settings.from_process_start ? kLooksFromStart : kLooks;
  if (auto told = set(offsetof(layout::Control, looks_left), looks); !told) {
    return told;
  }
  if (auto kept = keep_freed(settings.history); !kept) {
    return kept;
  }
  hooks_ = std::make_unique<Hooks>(debugger_, entry_points_, mappings_, arena_, addresses_);
  hooks_->planner().add_area({addresses_.code + whole_pages(image_.bytes.size()), addresses_.code_end});
  return update(modules, names);
}

Result<void> Installation::keep_freed(std::uint32_t blocks) {
  if (blocks == 0) {
    return {};
  }
  // A thread may be about to write to the ring that there was: that one stays as it is.
  const layout::FreedRing head{blocks + layout::kSpareHistory, blocks};
  const auto ring =
      mappings_.map(whole_pages(sizeof head + head.capacity * sizeof(layout::FreedEntry)), Protection::read_write, {});
  if (!ring) {
    return std::unexpected(ring.error());
  }
  if (auto written = debugger_.write(*ring, std::as_bytes(std::span(&head, 1))); !written) {
    return written;
  }
  return set(offsetof(layout::Control, history), ring->value);
}

// Blocks that the C++ library's operators gave belong to its `operator delete`, as far as that makes itself known. With
// several such libraries it is not seen whose a call was.
Result<void> Installation::tell_operators(const ModuleMap& modules) {
  std::array<layout::OperatorCode, layout::kOperators> operators{};
  std::size_t count = 0;
  const auto add = [&](AddressRange code, std::uint64_t bias, std::uint8_t families) {
    if (count < operators.size()) {
      operators.at(count++) = {code.begin.value + bias, code.end.value + bias, families};
    } else {
      operators.back() = {0, ~std::uint64_t{0}, layout::kAnyFamily};
    }
  };
  const auto is_hooked = [this](Address entry) {
    return std::ranges::any_of(hooks_->hooks(), [entry](const Hook& hook) {
      return hook.plan.entry == entry && hook.in_place && hook.plan.way == HookWay::jump;
    });
  };
  const auto has_operators = [this](const LoadedModule& module) {
    return !entry_points_.of(module.id).operator_new.empty();
  };
  const bool is_one = std::ranges::count_if(modules.modules(), has_operators) == 1;
  for (const auto& module : modules.modules()) {
    const auto& known = entry_points_.of(module.id);
    if (!has_operators(module)) {
      continue;
    }
    if (!is_one || known.passing_deletes.empty() ||
        !std::ranges::all_of(known.passing_deletes,
                             [&](const AddressRange& code) { return is_hooked(code.begin + module.bias); })) {
      add({known.operator_new.front().begin, known.operator_new.back().end}, module.bias, layout::kAnyFamily);
      continue;
    }
    for (const auto& code : known.operator_new) {
      add(code, module.bias, layout::kNewFamily | layout::kNewArrayFamily);
    }
  }
  return set(offsetof(layout::Control, operators), operators);
}

Result<void> Installation::update(const ModuleMap& modules, const ModuleTable& names) {
  hooks_->drop_unmapped(modules);
  // The rows first: what is hooked is called at once.
  const auto list = rows_.update(modules, names);
  if (!list) {
    return std::unexpected(list.error());
  }
  if (auto written = set(offsetof(layout::Control, modules), list->value); !written) {
    return written;
  }
  if (auto written = set(offsetof(layout::Control, modules_generation), ++modules_generation_); !written) {
    return written;
  }
  for (const auto& module : modules.modules()) {
    if (auto hooked = hooks_->add_module(module, names.get(module.id), domains_); !hooked) {
      return hooked;
    }
  }
  if (auto told = tell_operators(modules); !told) {
    return told;
  }
  // Without them everything else is recorded all the same.
  const auto own = hook_own(modules, names);
  own_problem_ = own ? std::string() : own.error().message;
  return write_notes();
}

Result<void> Installation::add_own(const ModuleMap& modules, const ModuleTable& names) {
  const auto hooked = hook_own(modules, names);
  const auto noted = write_notes();
  return hooked ? noted : hooked;
}

Result<void> Installation::hook_own(const ModuleMap& modules, const ModuleTable& names) {
  Result<void> all;
  const auto has_own = [this](const LoadedModule& module) { return !entry_points_.own(module.id).empty(); };
  if (std::ranges::any_of(modules.modules(), has_own)) {
    const std::uint32_t yes = 1;
    all = set(offsetof(layout::Control, has_pools), yes);
  }
  for (const auto& module : modules.modules()) {
    if (auto hooked = hooks_->add_own(module, names.get(module.id), domains_, spaces_); !hooked && all) {
      all = hooked;
    }
  }
  return all;
}

Result<void> Installation::adapt(const ModuleMap& modules, const ModuleTable& names) {
  const auto adapted = hooks_->adapt(modules, names, domains_, spaces_);
  if (!adapted) {
    return std::unexpected(adapted.error());
  }
  return *adapted ? write_notes() : Result<void>();
}

Result<void> Installation::place_all() {
  if (auto placed = hooks_->place_all(); !placed) {
    return placed;
  }
  return write_notes();
}

void Installation::remove_all() {
  hooks_->remove_all();
  // Whoever finds it reads the code itself, which a core file may lack: all the same if this fails.
  static_cast<void>(write_notes());
}

void Installation::forget_blocks() {
  const AddressRange code{addresses_.code, addresses_.code_end};
  const auto reader = RecorderReader::open(debugger_.memory(), addresses_.control);
  if (!reader || may_run_in(debugger_, std::span(&code, 1))) {
    return;
  }
  const auto tables = reader->idle_block_tables();
  if (!tables) {
    return;
  }
  auto mapped = get<std::uint64_t>(offsetof(layout::Control, mapped));
  for (const auto& [shard, table] : *tables) {
    // From here on it is empty, whoever comes by.
    const layout::Shard empty{};
    constexpr auto kFrom = offsetof(layout::Shard, table);
    if (!debugger_.write(shard + kFrom, std::as_bytes(std::span(&empty, 1)).subspan(kFrom)) ||
        !mappings_.unmap(table)) {
      break;
    }
    mapped -= table.end - table.begin;
  }
  static_cast<void>(set(offsetof(layout::Control, mapped), mapped));
}

std::vector<AddressRange> Installation::memory() const {
  auto ranges = mappings_.ranges();
  ranges.push_back({addresses_.code, addresses_.code_end});
  ranges.push_back(notes_);
  ranges.push_back(arena_.free());
  return ranges;
}

void Installation::count_epochs_for(const std::string& session) {
  if (session_ != session) {
    older_epochs_ = get<std::uint32_t>(offsetof(layout::Control, epoch));
    session_ = session;
  }
}

Result<void> Installation::write_notes() {
  RecorderNotes notes{.addresses = addresses_,
                      .code_size = code_size_,
                      .domains = domains_,
                      .spaces = spaces_,
                      .hooks = hooks_->hooks(),
                      .areas = {},
                      .landings = hooks_->planner().landings(),
                      .arena = arena_.free(),
                      .rows = rows_.notes(),
                      .room = notes_.end - notes_.begin,
                      .modules_generation = modules_generation_,
                      .session = session_,
                      .older_epochs = older_epochs_,
                      .mapped = mapped()};
  for (const auto& area : hooks_->planner().areas()) {
    notes.areas.push_back({area.next(), area.range().end});
  }
  const auto text = to_text(notes);
  if (notes_.end - notes_.begin < text.size()) {
    const auto room = arena_.take(text.size() * 2);
    if (!room) {
      return std::unexpected(room.error());
    }
    notes_ = {*room, *room + text.size() * 2};
    return write_notes();
  }
  if (auto written = debugger_.write(notes_.begin, std::as_bytes(std::span(text))); !written) {
    return written;
  }
  if (auto written = set(offsetof(layout::Control, notes), notes_.begin.value); !written) {
    return written;
  }
  return set(offsetof(layout::Control, notes_size), std::uint64_t{text.size()});
}

// The Control that the hook of an entry point belongs to: jmp stub, by way of a landing or not; movabs $site, %r11.
// Address 0 where it has no hook, nullopt where it cannot be read.
std::optional<Address> Installation::control_behind(Address entry) {
  constexpr std::array kEndbr64 = {std::byte{0xf3}, std::byte{0x0f}, std::byte{0x1e}, std::byte{0xfa}};
  const auto read = [this](Address from, auto& to) {
    auto bytes = std::as_writable_bytes(std::span(&to, 1));
    return debugger_.memory().read(from, bytes) == bytes.size();
  };
  const auto behind_jump = [&](Address from) {
    std::array<std::byte, kPatchSize> code{};
    std::int32_t distance = 0;
    if (!read(from, code) || code[0] != std::byte{0xe9}) {
      return Address();
    }
    std::memcpy(&distance, &code[1], sizeof distance);
    return Address{from.value + kPatchSize + static_cast<std::uint64_t>(std::int64_t{distance})};
  };
  std::array<std::byte, 4> first{};
  if (!read(entry, first)) {
    return std::nullopt;
  }
  auto stub = behind_jump(std::ranges::equal(kEndbr64, first) ? entry + first.size() : entry);
  if (const auto further = behind_jump(stub)) {
    stub = further;
  }
  std::array<std::byte, 10> load{};
  layout::Site site{};
  Address site_address;
  if (!read(stub, load) || load[0] != std::byte{0x49} || load[1] != std::byte{0xbb}) {
    return Address();
  }
  std::memcpy(&site_address.value, &load[2], sizeof site_address.value);
  return read(site_address, site) ? Address{site.control} : Address();
}

// The one that some hook belongs to; 0 where there is none.
Address Installation::hooked_control(const ModuleMap& modules) {
  bool knows_any = false;
  bool missed_some = false;
  for (const auto& module : modules.modules()) {
    for (const auto& entry : entry_points_.of(module.id).entry_points) {
      const auto control = control_behind({entry.offset + module.bias});
      if (control && *control) {
        return *control;
      }
      knows_any = true;
      missed_some = missed_some || !control;
    }
  }
  may_have_missed_hooks_ = !knows_any || missed_some;
  return {};
}

Result<void> Installation::find(const ModuleMap& modules, Address control) {
  if (!control) {
    control = hooked_control(modules);
  }
  return control ? read_notes(control) : fail(Code::not_found, "no recorder in this process");
}

Result<void> Installation::read_notes(Address control_address) {
  auto control = std::make_unique<layout::Control>();
  constexpr auto kHead = offsetof(layout::Control, threads);
  auto head = std::as_writable_bytes(std::span(control.get(), 1)).first(kHead);
  if (debugger_.memory().read(control_address, head) != kHead) {
    return fail(Code::unmapped, "the recorder in the process cannot be read", control_address);
  }
  if (control->magic != layout::kMagic) {
    return fail(Code::not_found, "no recorder in this process");
  }
  if (control->size != sizeof(layout::Control) || control->version != layout::kVersion ||
      control->notes_size > kLargestNotes) {
    return fail(Code::unsupported, "the recorder in the process is of another version of memsnap");
  }
  std::string text(static_cast<std::size_t>(control->notes_size), '\0');
  if (debugger_.memory().read({control->notes}, std::as_writable_bytes(std::span(text))) != text.size()) {
    return fail(Code::unmapped, "the recorder in the process cannot be read", {control->notes});
  }
  auto notes = notes_from_text(text);
  if (!notes) {
    return std::unexpected(notes.error());
  }
  auto image = recorder_image();
  if (!image) {
    return std::unexpected(image.error());
  }
  image_ = *image;
  addresses_ = notes->addresses;
  code_size_ = notes->code_size;
  domains_ = notes->domains;
  spaces_ = notes->spaces;
  modules_generation_ = notes->modules_generation;
  session_ = notes->session;
  older_epochs_ = notes->older_epochs;
  mapped_before_ = notes->mapped;
  arena_.adopt(notes->arena);
  hooks_ = std::make_unique<Hooks>(debugger_, entry_points_, mappings_, arena_, addresses_);
  for (const auto& area : notes->areas) {
    hooks_->planner().add_area(area);
  }
  hooks_->planner().adopt_landings(std::move(notes->landings));
  for (auto& hook : notes->hooks) {
    if (hook.plan.way == HookWay::breakpoint) {
      hook.in_place = false;
      unwatched_.push_back(demangle(hook.name));  // the breakpoint went with the debugger that had set it
      continue;
    }
    std::vector<std::byte> now(hook.plan.patched.size());
    if (debugger_.memory().read(hook.plan.moved.patch, now) == now.size()) {
      hook.in_place = std::ranges::equal(now, hook.plan.patched);
    }
    was_recording_ = was_recording_ || hook.in_place;
  }
  notes_ = {{control->notes}, {control->notes + std::max(notes->room, control->notes_size)}};
  rows_.adopt(std::move(notes->rows));
  hooks_->adopt(std::move(notes->hooks));
  return {};
}

}  // namespace memsnap
