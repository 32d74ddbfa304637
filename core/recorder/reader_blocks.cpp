#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <unordered_set>

#include "core/recorder/reader.h"

namespace memsnap {
namespace {

constexpr std::size_t kEntriesAtOnce = (std::size_t{16} << 20) / sizeof(layout::BlockEntry);

}  // namespace

Result<void> RecorderReader::for_each_block(const std::function<bool(const RecordedBlock&)>& visit) const {
  for (std::size_t i = 0; i < std::size(control_->shards); ++i) {
    const auto space = static_cast<std::uint8_t>(i / layout::kShards);
    if (const auto goes_on = visit_shard(control_->shards[i], space, visit); !goes_on) {
      return std::unexpected(goes_on.error());
    } else if (!*goes_on) {
      return {};
    }
  }
  for (const auto& thread : threads_) {
    for (const auto* entry : {thread.freed(), thread.reallocated()}) {
      if (entry != nullptr && !visit(block_of(*entry))) {
        return {};
      }
    }
  }
  return {};
}

Result<std::vector<RecorderReader::BlockTableAt>> RecorderReader::idle_block_tables() const {
  std::vector<BlockTableAt> tables;
  if (std::ranges::any_of(threads_, &Thread::is_busy)) {
    return tables;
  }
  auto shard_address = control_address_ + offsetof(layout::Control, shards);
  for (const auto& shard : control_->shards) {
    if (const Address begin{shard.table}) {
      const auto table = read_table(shard);
      if (!table) {
        return std::unexpected(table.error());
      }
      tables.push_back({shard_address, {begin, begin + table->mapped}});
    }
    shard_address = shard_address + sizeof shard;
  }
  return tables;
}

Result<layout::BlockTable> RecorderReader::read_table(const layout::Shard& shard) const {
  layout::BlockTable table{};
  if (auto done = memory_.read_values({shard.table}, std::span(&table, 1)); !done) {
    return std::unexpected(std::move(done.error()));
  }
  if (table.mapped > control_->mapped || table.mapped < sizeof table ||
      table.capacity > (table.mapped - sizeof table) / sizeof(layout::BlockEntry)) {
    return damaged(fmt::format("a table of {} blocks in {} bytes", table.capacity, table.mapped));
  }
  return table;
}

Result<std::vector<AddressRange>> RecorderReader::own_memory() const {
  std::vector<AddressRange> ranges = {{control_address_, control_address_ + sizeof(layout::Control)},
                                      {{control_->reserve}, {control_->reserve_end}}};
  const auto add = [&ranges](std::uint64_t begin, std::uint64_t size) {
    if (begin != 0) {
      ranges.push_back(whole_pages({{begin}, {begin + size}}));
    }
  };
  for (const auto& shard : control_->shards) {
    if (shard.table != 0) {
      const auto table = read_table(shard);
      if (!table) {
        return std::unexpected(table.error());
      }
      add(shard.table, table->mapped);
    }
  }
  for (const auto chunk : control_->origin_chunks) {
    add(chunk, layout::kOriginsPerChunk * sizeof(layout::OriginRecord));
  }
  const auto state = std::make_unique_for_overwrite<layout::ThreadState>();
  const auto head = std::as_writable_bytes(std::span(state.get(), 1)).first(offsetof(layout::ThreadState, last));
  for (const auto& thread : threads_) {
    if (auto read = memory_.read(thread.id.state, head); !read) {
      return std::unexpected(std::move(read.error()));
    }
    add(thread.id.state.value, sizeof(layout::ThreadState));
    add(state->origin_index, state->origin_capacity * sizeof(std::uint64_t));
    add(state->frames_next, state->frames_end - state->frames_next);
    layout::ForeignTable foreign{};
    if (state->foreign != 0 && memory_.read_values({state->foreign}, std::span(&foreign, 1))) {
      add(state->foreign, sizeof foreign + foreign.capacity * sizeof(layout::ForeignFrees));
    }
  }
  return ranges;
}

bool RecorderReader::is_hidden(const layout::BlockEntry& entry, std::uint8_t space) const {
  return std::ranges::binary_search(hidden_, layout::make_key(layout::block_address(entry), space)) ||
         std::ranges::any_of(moving_,
                             [&](const auto& taken) { return taken.low == entry.low && taken.high == entry.high; });
}

Result<bool> RecorderReader::visit_shard(const layout::Shard& shard, std::uint8_t space,
                                         const BlockVisit& visit) const {
  if (shard.generation != control_->generation || shard.table == 0) {
    return true;
  }
  const auto found = read_table(shard);
  if (!found) {
    return std::unexpected(found.error());
  }
  const auto& table = *found;
  const bool is_locked = shard.lock != 0;
  std::unordered_set<std::uint64_t> seen;  // where an entry may stand in two slots
  std::vector<layout::BlockEntry> entries;
  for (std::uint64_t done = 0; done < table.capacity; done += entries.size()) {
    entries.resize(std::min<std::uint64_t>(table.capacity - done, kEntriesAtOnce));
    const auto at = Address{shard.table} + sizeof table + done * sizeof(layout::BlockEntry);
    if (auto read = memory_.read_values(at, std::span(entries)); !read) {
      return std::unexpected(std::move(read.error()));
    }
    for (const auto& entry : entries) {
      if (entry.low == 0) {
        continue;
      }
      const auto block = block_of(entry);
      if (is_hidden(entry, space) || (is_locked && !seen.insert(block.address.value).second)) {
        continue;
      }
      if (!is_sound(entry)) {
        return damaged(fmt::format("the block at {:#x} is of no traceback", block.address.value));
      }
      if (!visit(block)) {
        return false;
      }
    }
  }
  return true;
}

Result<std::optional<RecordedBlock>> RecorderReader::find_block(Address address, std::uint64_t slack) const {
  std::optional<RecordedBlock> found;
  const auto done = for_each_block([&](const RecordedBlock& block) {
    const bool is_exact = block.address == address;
    // Where a free was missed, an old block may lie around a new one.
    const bool is_inside = block.address <= address && address - block.address < block.size + slack &&
                           (!found || found->address < block.address);
    if (is_exact || is_inside) {
      found = block;
    }
    return !is_exact;
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  return found;
}

}  // namespace memsnap
