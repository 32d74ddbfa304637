#include <algorithm>
#include <string>
#include <utility>

#include "plugin/recorder_engine.h"

// What was freed, and what was asked that makes no sense, in the session's terms.

namespace memsnap {

Result<std::optional<FreedBlock>> RecorderEngine::find_freed(Address address) {
  const auto opened = open_blocks();
  if (!opened || !*opened) {
    return opened ? Result<std::optional<FreedBlock>>() : std::unexpected(opened.error());
  }
  const auto& [reader, books] = **opened;
  const auto found = reader.find_freed(address);
  if (!found) {
    return std::unexpected(found.error());
  }
  const auto block = *found ? live_block((*found)->block, books) : std::nullopt;
  const auto* freed_by = block ? known_origin((*found)->freed_by) : nullptr;
  if (freed_by == nullptr) {
    return std::nullopt;
  }
  return FreedBlock{*block, freed_by->traceback, thread((*found)->thread, books)};
}

Result<std::vector<Fault>> RecorderEngine::faults() {
  if (is_gone_) {
    return last_ ? Result<std::vector<Fault>>(last_->faults) : fail(Code::no_process, "the process is gone");
  }
  const auto books = read_books();
  return books ? faults_of(*books) : std::unexpected(books.error());
}

Result<std::vector<Fault>> RecorderEngine::faults_of(const RecordedBooks& books) {
  std::vector<Fault> faults;
  // Calls that nobody saw may have given and taken any of the blocks.
  if (!is_installed_ || !installation_->unwatched().empty()) {
    return faults;
  }
  const auto reader = RecorderReader::open(debugger_.memory(), installation_->control());
  const auto recorded = reader ? reader->read_faults() : std::unexpected(reader.error());
  if (!recorded) {
    return std::unexpected(recorded.error());
  }
  for (const auto& each : *recorded) {
    if (auto fault = fault_of(each, books)) {
      faults.push_back(std::move(*fault));
    }
  }
  std::ranges::reverse(faults);
  return faults;
}

// nullopt for one that is not certain.
std::optional<Fault> RecorderEngine::fault_of(const RecordedFault& recorded, const RecordedBooks& books) {
  const auto* call = known_origin(recorded.origin);
  if (call == nullptr) {
    return std::nullopt;
  }
  Fault fault{.kind = FaultKind(std::to_underlying(recorded.kind)),
              .address = recorded.address,
              .times = recorded.times,
              .traceback = call->traceback,
              .thread = thread(recorded.thread, books),
              .is_reallocated = recorded.is_reallocated,
              .is_on_stack = recorded.is_on_stack};
  if (recorded.block) {
    const auto* given = known_origin(recorded.block->origin);
    if (given == nullptr) {
      return std::nullopt;
    }
    const auto giver = thread(books.origins.at(recorded.block->origin - 1).thread, books);
    fault.block = LiveBlock{recorded.block->address,
                            recorded.block->size,
                            {given->traceback, given->domain, giver},
                            epoch_of(*recorded.block)};
  }
  if (const auto* first = known_origin(recorded.first_freed)) {
    fault.first_freed = first->traceback;
    fault.first_thread = thread(recorded.first_thread, books);
  }
  if (fault.kind == FaultKind::mismatch && fault.block) {
    const bool is_of_pool = (recorded.given & recorded.taken) != 0;
    fault.given = is_of_pool ? recording_.domains.names().at(std::to_underlying(fault.block->origin.domain))
                             : std::string(giving_word(recorded.given));
    fault.taken = taking_word(recorded.taken, recorded.is_reallocated);
    // An operator of C++ that a module has without its name passes on to malloc and free as well.
    const bool may_be_new = recorded.given == layout::kMallocFamily && !names_operators(fault.block->origin.traceback);
    const bool may_be_delete = recorded.taken == layout::kMallocFamily && !recorded.is_reallocated && !is_of_pool &&
                               !names_operators(call->traceback);
    if (may_be_new || may_be_delete) {
      return std::nullopt;
    }
  }
  // It has blocks from before there was an allocator.
  return fault.kind == FaultKind::foreign && is_dynamic_loaders(fault.traceback) ? std::nullopt : std::optional(fault);
}

bool RecorderEngine::names_operators(TracebackId traceback) {
  const auto module = recording_.tracebacks.innermost_module(traceback);
  return module != ModuleId::none && entry_points_.of(module).names_operators;
}

bool RecorderEngine::is_dynamic_loaders(TracebackId traceback) {
  const auto module = recording_.tracebacks.innermost_module(traceback);
  return module != ModuleId::none && entry_points_.of(module).is_dynamic_loader;
}

}  // namespace memsnap
