#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "core/recorder/layout.h"
#include "plugin/recorder_engine.h"

// How the engine reads what the recorder has written, and tells it in the session's terms.

namespace memsnap {
namespace {

bool overlap(AddressRange left, AddressRange right) { return left.begin < right.end && right.begin < left.end; }

bool overlap(const LoadedModule& left, const LoadedModule& right) {
  return std::ranges::any_of(left.segments, [&](AddressRange segment) {
    return std::ranges::any_of(right.segments, [&](AddressRange other) { return overlap(segment, other); });
  });
}

bool is_same(const LoadedModule& left, const LoadedModule& right) {
  return left.id == right.id && left.bias == right.bias;
}

constexpr std::size_t kBlocksBetweenLooks = 65536;

}  // namespace

// The frames of return addresses, of which a few come again and again. For one map of modules.
class RecorderEngine::FrameCache {
 public:
  FrameCache(const ModuleMap& modules, TracebackTable& tracebacks)
      : modules_(modules), tracebacks_(tracebacks), known_(kSlots) {}

  FrameId find(std::uint64_t return_address) {
    auto& known = known_[(return_address ^ return_address >> 12) % kSlots];
    if (known.address != return_address) {
      auto pc = modules_.to_pc({return_address - 1});
      ++pc.offset;
      known = {return_address, tracebacks_.intern(StoredFrame{FrameKind::native, pc})};
    }
    return known.frame;
  }

 private:
  struct Known {
    std::uint64_t address = ~std::uint64_t{0};
    FrameId frame{};
  };
  static constexpr std::size_t kSlots = 4096;

  const ModuleMap& modules_;
  TracebackTable& tracebacks_;
  std::vector<Known> known_;
};

Result<RecordedBooks> RecorderEngine::read_books() {
  if (!is_installed_) {
    return RecordedBooks();
  }
  auto opened = open_books();
  return opened ? Result<RecordedBooks>(std::move(opened->books)) : std::unexpected(opened.error());
}

// Where the recorder is installed.
Result<RecorderEngine::OpenBooks> RecorderEngine::open_books() {
  auto reader = RecorderReader::open(debugger_.memory(), installation_->control());
  if (!reader) {
    return std::unexpected(reader.error());
  }
  auto books = reader->read_books();
  if (!books) {
    return std::unexpected(books.error());
  }
  if (auto learnt = learn_origins(*reader, *books); !learnt) {
    return std::unexpected(learnt.error());
  }
  return OpenBooks{std::move(*reader), std::move(*books)};
}

Result<std::optional<RecorderEngine::OpenBooks>> RecorderEngine::open_blocks() {
  if (is_gone_) {
    return fail(Code::no_process, "the process is gone, and with it its blocks");
  }
  if (!is_installed_) {
    return std::nullopt;
  }
  auto opened = open_books();
  return opened ? Result<std::optional<OpenBooks>>(std::move(*opened)) : std::unexpected(opened.error());
}

Result<std::optional<LiveBlock>> RecorderEngine::find_block(Address address, std::uint64_t slack) {
  const auto opened = open_blocks();
  if (!opened || !*opened) {
    return opened ? Result<std::optional<LiveBlock>>() : std::unexpected(opened.error());
  }
  const auto& [reader, books] = **opened;
  const auto found = reader.find_block(address, slack);
  if (!found) {
    return std::unexpected(found.error());
  }
  return *found ? live_block(**found, books) : std::nullopt;
}

Result<void> RecorderEngine::learn_origins(const RecorderReader& reader, const RecordedBooks& books) {
  if (origins_.size() < books.origins.size()) {
    recording_.tracebacks.reserve(recording_.tracebacks.size() + books.origins.size() - origins_.size());
    origins_.resize(books.origins.size());
  }
  // Threads take numbers in lots: those that are new lie here and there.
  constexpr std::uint32_t kLargestGap = 64;
  constexpr std::uint32_t kAtATime = 4096;  // memory that is used again costs less than new
  std::optional<FrameCache> cache;
  for (std::uint32_t i = 0; i < books.origins.size(); ++i) {
    const auto is_new = [&](std::uint32_t at) { return books.origins[at].number != 0 && !origins_[at].is_known; };
    if (!is_new(i)) {
      continue;
    }
    auto last = i;
    for (auto next = i + 1;
         next < std::min<std::size_t>(books.origins.size(), i + kAtATime) && next - last <= kLargestGap; ++next) {
      last = is_new(next) ? next : last;
    }
    const auto tracebacks = reader.read_tracebacks(i + 1, last + 1);
    if (!tracebacks) {
      return std::unexpected(tracebacks.error());
    }
    if (!cache) {
      cache.emplace(modules_, recording_.tracebacks);
    }
    enter(*tracebacks, books, *cache);
    i = last;
  }
  return {};
}

void RecorderEngine::enter(const RecordedTracebacks& tracebacks, const RecordedBooks& books, FrameCache& cache) {
  std::vector<FrameId> frames;
  for (const auto& item : tracebacks.items) {
    auto& known = origins_.at(item.number - 1);
    if (known.is_known) {
      continue;
    }
    frames.clear();
    for (const auto frame : tracebacks.frames_of(item)) {
      frames.push_back(cache.find(frame));
    }
    const auto* innermost = frames.empty() ? nullptr : &recording_.tracebacks.frame(frames.front());
    const auto domain = books.origins.at(item.number - 1).domain;
    const auto& domains = installation_->domains();
    const std::string_view name = entry_points_.is_operator_new(innermost) ? "new"
                                  : domain < domains.size()                ? std::string_view(domains[domain])
                                                                           : "malloc";
    known = {recording_.tracebacks.intern(StoredTraceback{frames, item.end, item.stopped_at}),
             recording_.domains.intern(name), true};
  }
}

// Where another module comes to lie where one was, the same addresses mean other code: tracebacks through the old one
// must not be found again.
Result<void> RecorderEngine::forget_replaced(const ModuleMap& modules) {
  const auto& now = modules.modules();
  const auto is_mapped = [&](const LoadedModule& module) {
    return std::ranges::any_of(now, [&](const LoadedModule& other) { return is_same(module, other); });
  };
  bool lost_one = false;
  for (const auto& module : modules_.modules()) {
    if (!is_mapped(module)) {
      lost_one = true;
      gone_.push_back(module);
    }
  }
  if (lost_one) {
    // While their code is known by the old map.
    if (const auto books = read_books(); !books) {
      return std::unexpected(books.error());
    }
  }
  std::vector<ModuleId> replaced;
  std::erase_if(gone_, [&](const LoadedModule& module) {
    const bool is_back = is_mapped(module);
    const bool is_replaced =
        !is_back && std::ranges::any_of(now, [&](const LoadedModule& other) { return overlap(module, other); });
    if (is_replaced) {
      replaced.push_back(module.id);
    }
    return is_back || is_replaced;
  });
  if (replaced.empty()) {
    return {};
  }
  for (std::size_t i = 0; i < origins_.size(); ++i) {
    if (!origins_[i].is_known) {
      continue;
    }
    const auto frames = recording_.tracebacks.stored(origins_[i].traceback).frames;
    const auto is_through = [&](FrameId frame) {
      return std::ranges::find(replaced, recording_.tracebacks.frame(frame).pc.module) != replaced.end();
    };
    if (!std::ranges::any_of(frames, is_through)) {
      continue;
    }
    Address chunk;
    const auto place = offsetof(layout::Control, origin_chunks) + i / layout::kOriginsPerChunk * sizeof(std::uint64_t);
    debugger_.memory().read(installation_->control() + place, std::as_writable_bytes(std::span(&chunk.value, 1)));
    if (chunk) {
      const std::uint64_t dead = 0;
      const auto record = chunk + i % layout::kOriginsPerChunk * sizeof(layout::OriginRecord);
      if (auto written =
              debugger_.write(record + offsetof(layout::OriginRecord, hash), std::as_bytes(std::span(&dead, 1)));
          !written) {
        return written;
      }
    }
  }
  return {};
}

ThreadId RecorderEngine::thread(std::uint32_t index, const RecordedBooks& books) {
  if (const auto known = threads_.find(index); known != threads_.end()) {
    return known->second;
  }
  const auto found = std::ranges::find(books.threads, index, &RecordedThread::index);
  const auto label = found == books.threads.end() ? ThreadLabel() : debugger_.thread_label(OsThreadId{found->tid});
  // No debugger has a number for what ended between two stops: the order of their first allocations is ours.
  const auto id =
      recording_.threads.intern(label.number == 0 ? fmt::format("exited thread {}", index) : to_string(label));
  threads_.emplace(index, id);
  return id;
}

// nullopt for one that the user had forgotten, or of which nothing is known.
std::optional<LiveBlock> RecorderEngine::live_block(const RecordedBlock& block, const RecordedBooks& books) {
  const auto* known = known_origin(block.origin);
  if (known == nullptr || ledger_.forgets(books, block)) {
    return std::nullopt;
  }
  const auto thread = this->thread(books.origins[block.origin - 1].thread, books);
  return LiveBlock{block.address, block.size, {known->traceback, known->domain, thread}, epoch_of(block)};
}

const RecorderEngine::Known* RecorderEngine::known_origin(std::uint32_t number) const {
  return number != 0 && number <= origins_.size() && origins_[number - 1].is_known ? &origins_[number - 1] : nullptr;
}

Result<std::vector<LiveBlock>> RecorderEngine::live_blocks() {
  std::vector<LiveBlock> blocks;
  const auto opened = open_blocks();
  if (!opened || !*opened) {
    return opened ? Result<std::vector<LiveBlock>>(blocks) : std::unexpected(opened.error());
  }
  const auto& [reader, books] = **opened;
  bool goes_on = true;
  const auto read = reader.for_each_block([&](const RecordedBlock& block) {
    if (auto live = live_block(block, books)) {
      blocks.push_back(*live);
    }
    goes_on = blocks.size() % kBlocksBetweenLooks != 0 || !debugger_.interrupted();
    return goes_on;
  });
  if (!read) {
    return std::unexpected(read.error());
  }
  if (!goes_on) {
    return fail(Code::interrupted, "interrupted");
  }
  std::ranges::sort(blocks);
  return blocks;
}

Result<std::vector<AddressRange>> RecorderEngine::own_memory() {
  if (!is_installed_ || is_gone_) {
    return {};
  }
  const auto reader = RecorderReader::open(debugger_.memory(), installation_->control());
  if (!reader) {
    return std::unexpected(reader.error());
  }
  auto ranges = reader->own_memory();
  if (ranges) {
    const auto mapped = installation_->memory();
    ranges->insert(ranges->end(), mapped.begin(), mapped.end());
  }
  return ranges;
}

bool RecorderEngine::has_forgotten_blocks() {
  return is_installed_ && installation_->get<std::uint32_t>(offsetof(layout::Control, generation)) != 0;
}

Snapshot RecorderEngine::snapshot_of(const RecordedBooks& books) {
  Snapshot snapshot;
  snapshot.engine = name();
  snapshot.frames = settings_.frame_limit;
  const auto totals = ledger_.totals(books);
  snapshot.size = totals.size;
  snapshot.count = totals.count;
  snapshot.peak = totals.peak;
  auto& counts = snapshot.counts;
  auto given = ledger_.given(books);
  const auto all = ledger_.live(books);
  counts.reserve(all.size());
  for (const auto& live : all) {
    const auto known = live.number <= origins_.size() ? origins_[live.number - 1] : Known();
    const auto thread = this->thread(books.origins[live.number - 1].thread, books);
    const auto ever = std::exchange(given[live.number - 1], {});
    counts.push_back(
        {{known.traceback, known.domain, thread}, live.size, live.count, live.size, ever.size, ever.count});
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i].count != 0 && i < origins_.size() && origins_[i].is_known) {
      snapshot.freed.push_back({origins_[i].traceback, origins_[i].domain, given[i].size, given[i].count});
    }
  }
  // Several origins of the recorder can be one of the model: a traceback that was entered anew after a module had been
  // replaced, threads that nobody can tell apart.
  if (!std::ranges::is_sorted(counts, {}, &LiveCount::origin)) {  // those of one thread are
    std::ranges::sort(counts, {}, &LiveCount::origin);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (kept > 0 && counts[kept - 1].origin == counts[i].origin) {
      auto& same = counts[kept - 1];
      same.size += counts[i].size;
      same.count += counts[i].count;
      same.peak = same.size;
      same.allocated += counts[i].allocated;
      same.allocations += counts[i].allocations;
    } else {
      counts[kept++] = counts[i];
    }
  }
  counts.resize(kept);
  return snapshot;
}

}  // namespace memsnap
