#include "core/recorder/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace memsnap {

using layout::OperationKind;

namespace {

constexpr std::uint32_t kMostThreads = 1'000'000;
constexpr std::uint32_t kMostOrigins = layout::kOriginsPerChunk * layout::kOriginChunks;

template <typename T>
std::span<std::byte> first_bytes(T& value, std::size_t count) {
  return std::as_writable_bytes(std::span(&value, 1)).first(count);
}

}  // namespace

RecorderReader::RecorderReader(MemoryReader& memory) : memory_(memory), control_(std::make_unique<layout::Control>()) {}

Result<RecorderReader> RecorderReader::open(MemoryReader& memory, Address control) {
  RecorderReader reader(memory);
  reader.control_address_ = control;
  auto done = reader.read_control(control);
  if (done) {
    done = reader.read_threads();
  }
  if (done) {
    done = reader.undo_operations();
  }
  if (done) {
    done = reader.find_moving_blocks();
  }
  if (!done) {
    return std::unexpected(done.error());
  }
  return reader;
}

Result<void> RecorderReader::read_control(Address control) {
  auto& head = *control_;
  if (auto done = memory_.read(control, first_bytes(head, offsetof(layout::Control, code_begin))); !done) {
    return done;
  }
  if (head.magic != layout::kMagic) {
    return fail(Code::malformed, fmt::format("there is no recorder at {:#x}", control.value), control);
  }
  if (head.version != layout::kVersion || head.size != sizeof head) {
    return fail(Code::malformed, fmt::format("the recorder in the process is of version {} and {} bytes, where version "
                                             "{} and {} bytes can be read",
                                             head.version, head.size, layout::kVersion, sizeof head));
  }
  if (auto done = memory_.read(control, first_bytes(head, offsetof(layout::Control, thread_slots))); !done) {
    return done;
  }
  // A thread that finds no number left takes its own back.
  if (head.origin_count > kMostOrigins + kMostThreads * layout::kOriginsAtATime) {
    return damaged(fmt::format("{} tracebacks, where {} is the most", head.origin_count, kMostOrigins));
  }
  // Nothing has come of numbers whose chunk is not there.
  auto chunks = layout::kOriginChunks;
  while (chunks > 0 && head.origin_chunks[chunks - 1] == 0) {
    --chunks;
  }
  head.origin_count = std::min(head.origin_count, chunks * layout::kOriginsPerChunk);
  return {};
}

Result<void> RecorderReader::read_threads() {
  std::unordered_set<std::uint64_t> seen;
  for (Address state{control_->threads}; state; state.value = threads_.back().next) {
    if (!seen.insert(state.value).second || seen.size() > kMostThreads) {
      return damaged("its list of threads has no end");
    }
    auto thread = read_thread(state);
    if (!thread) {
      return std::unexpected(std::move(thread.error()));
    }
    threads_.push_back(*thread);
  }
  return {};
}

Result<RecorderReader::Thread> RecorderReader::read_thread(Address state) const {
  constexpr auto kNeeded = offsetof(layout::ThreadState, frames_next);
  const auto read = std::make_unique_for_overwrite<layout::ThreadState>();
  if (auto done = memory_.read(state, first_bytes(*read, kNeeded)); !done) {
    return std::unexpected(std::move(done.error()));
  }
  Thread thread{.id = {.index = read->index, .tid = read->tid, .state = state},
                .next = read->next,
                .is_busy = read->busy != 0,
                .operation = read->operation,
                .detached = read->detached,
                .unknown_frees = read->unknown_frees,
                .missed_frees = read->missed_frees,
                .live = read->live,
                .foreign = {read->foreign}};
  std::ranges::copy(read->not_recorded, thread.not_recorded.begin());
  return thread;
}

bool RecorderReader::Thread::is_pending() const {
  return operation.kind != OperationKind::none && operation.kind != OperationKind::settled;
}

const layout::BlockEntry* RecorderReader::Thread::reallocated() const {
  return detached.low != 0 && operation.kind != OperationKind::settled ? &detached : nullptr;
}

const layout::BlockEntry* RecorderReader::Thread::freed() const {
  return operation.kind == OperationKind::free && operation.old.low != 0 ? &operation.old : nullptr;
}

const layout::BlockEntry* RecorderReader::Thread::given() const {
  const bool gives = operation.kind == OperationKind::allocate || operation.kind == OperationKind::reallocate;
  return gives && layout::block_address(operation.old) == layout::key_address(operation.block) ? &operation.old
                                                                                               : nullptr;
}

Result<void> RecorderReader::undo_operations() {
  std::vector<layout::Undo> undo;
  for (const auto& thread : threads_) {
    const auto& operation = thread.operation;
    if (!thread.is_pending()) {
      continue;
    }
    if (operation.kind > OperationKind::settled) {
      return damaged(fmt::format("thread {} does something that there is not", thread.id.index));
    }
    for (const auto& counters : std::span(operation.undo).first(layout::undo_count(operation.kind))) {
      if (counters.address != 0) {
        undo.push_back(counters);
      }
    }
  }
  memory_.set_undo(undo);
  for (auto& thread : threads_) {
    const auto operation = thread.operation;
    if (thread.is_pending()) {
      auto undone = read_thread(thread.id.state);
      if (!undone) {
        return std::unexpected(std::move(undone.error()));
      }
      thread = *undone;
      thread.operation = operation;
    }
  }
  return {};
}

Result<void> RecorderReader::find_moving_blocks() {
  for (const auto& thread : threads_) {
    for (const auto* entry : {thread.freed(), thread.reallocated()}) {
      if (entry != nullptr && !is_sound(*entry)) {
        return damaged(fmt::format("thread {} frees a block of no traceback", thread.id.index));
      }
    }
    // A free without a block has none to show instead.
    if (thread.is_pending() && (thread.operation.kind != OperationKind::free || thread.freed() != nullptr)) {
      hidden_.push_back(thread.operation.block);
    }
    // While the real realloc runs, what is at that address is another thread's new block.
    if (const auto* entry = thread.reallocated(); entry != nullptr && thread.is_busy) {
      moving_.push_back(*entry);
    }
  }
  std::ranges::sort(hidden_);
  return {};
}

RecordedBlock RecorderReader::block_of(const layout::BlockEntry& entry) {
  return {{layout::block_address(entry)},
          layout::block_size(entry),
          layout::block_origin(entry),
          layout::block_epoch(entry)};
}

bool RecorderReader::is_sound(const layout::BlockEntry& entry) const {
  const auto origin = layout::block_origin(entry);
  return origin != 0 && origin <= control_->origin_count;
}

}  // namespace memsnap
