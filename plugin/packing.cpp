#include "plugin/packing.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/formats/pprof_reader.h"
#include "plugin/files.h"

namespace memsnap {
namespace {

class Packer {
 public:
  Packer(const Recording& recording, FrameSource& frames) : recording_(recording), frames_(frames) {
    file_.domains = recording.domains.names();
    file_.threads = recording.threads.names();
  }

  Result<SnapshotFile> pack(const Snapshot& snapshot, const Snapshot* older,
                            const std::function<bool(double)>& progress) {
    progress_ = &progress;
    all_ = entries(snapshot) + (older != nullptr ? entries(*older) : 0);
    file_.snapshot = snapshot;
    if (!take_in(file_.snapshot) || (older != nullptr && !take_in(file_.older.emplace(*older)))) {
      return fail(Code::interrupted, "interrupted");
    }
    number_modules();
    if (is_too_large()) {
      return fail(Code::unsupported, fmt::format("snapshot '{}' is too large for a file", snapshot.name));
    }
    return std::move(file_);
  }

 private:
  static std::size_t entries(const Snapshot& snapshot) { return snapshot.counts.size() + snapshot.freed.size(); }

  // Gives a snapshot the file's numbers. False where the user wants it to end.
  bool take_in(Snapshot& snapshot) {
    merge_freed(snapshot.freed);
    for (auto& live : snapshot.counts) {
      live.origin.traceback = stack(live.origin.traceback);
      if (!goes_on()) {
        return false;
      }
    }
    for (auto& freed : snapshot.freed) {
      freed.traceback = stack(freed.traceback);
      if (!goes_on()) {
        return false;
      }
    }
    return true;
  }

  bool goes_on() {
    constexpr std::size_t kStep = 64;
    ++done_;
    return done_ % kStep != 0 || !*progress_ || (*progress_)(static_cast<double>(done_) / static_cast<double>(all_));
  }

  bool is_too_large() const {
    std::size_t frames = 0;
    for (const auto& place : file_.places) {
      frames += place.frames.size();
    }
    std::size_t depth = 0;
    for (const auto& stack : file_.stacks) {
      depth += stack.places.size();
    }
    const auto counts = std::max(entries(file_.snapshot), file_.older ? entries(*file_.older) : 0);
    return std::max({counts, file_.places.size(), frames}) > SnapshotFile::kMostEntries ||
           depth > SnapshotFile::kMostFrames;
  }

  // Each place once, in the order in which they come: the ids by which they could be sorted are a session's own.
  static void merge_freed(std::vector<FreedCount>& all) {
    std::map<std::pair<TracebackId, DomainId>, std::size_t> known;
    std::size_t kept = 0;
    for (const auto& each : all) {
      const auto [entry, is_new] = known.try_emplace({each.traceback, each.domain}, kept);
      if (is_new) {
        all[kept++] = each;
      } else {
        all[entry->second].allocated += each.allocated;
        all[entry->second].allocations += each.allocations;
      }
    }
    all.resize(kept);
  }

  TracebackId stack(TracebackId id) {
    const auto [entry, is_new] = stacks_.try_emplace(id, static_cast<std::uint32_t>(file_.stacks.size()));
    if (is_new) {
      const auto traceback = recording_.tracebacks.stored(id);
      auto& stack = file_.stacks.emplace_back(SnapshotFile::Stack{{}, traceback.end, traceback.stopped_at});
      for (const auto frame : traceback.frames) {
        stack.places.push_back(place(recording_.tracebacks.frame(frame).pc));
      }
    }
    return TracebackId{entry->second};
  }

  std::uint32_t place(const Pc& pc) {
    const auto [entry, is_new] = places_.try_emplace(pc, static_cast<std::uint32_t>(file_.places.size()));
    if (is_new) {
      file_.places.push_back({SnapshotFile::kNoModule, frames_.frames(pc)});
      modules_.push_back(pc.module);
    }
    return entry->second;
  }

  // In the order in which the places name them, for the same reason.
  void number_modules() {
    std::unordered_map<ModuleId, std::uint32_t> numbers;
    for (std::size_t i = 0; i < modules_.size(); ++i) {
      if (modules_[i] == ModuleId::none) {
        continue;
      }
      const auto [entry, is_new] = numbers.try_emplace(modules_[i], static_cast<std::uint32_t>(file_.modules.size()));
      if (is_new) {
        file_.modules.push_back(recording_.modules.get(modules_[i]));
      }
      file_.places[i].module = entry->second;
    }
  }

  const Recording& recording_;
  FrameSource& frames_;
  const std::function<bool(double)>* progress_ = nullptr;
  std::size_t all_ = 0;
  std::size_t done_ = 0;
  SnapshotFile file_;
  std::unordered_map<TracebackId, std::uint32_t> stacks_;
  std::unordered_map<Pc, std::uint32_t> places_;
  std::vector<ModuleId> modules_;  // by place
};

// Gives the places of a file their Pcs in the session.
class PlaceFinder {
 public:
  PlaceFinder(SnapshotFile& file, Recording& recording, Symbolizer& symbolizer)
      : file_(file), recording_(recording), symbolizer_(symbolizer), pcs_(file.places.size()) {}

  std::vector<Pc> find() {
    std::vector<std::vector<std::size_t>> by_module(file_.modules.size() + 1);
    for (std::size_t i = 0; i < file_.places.size(); ++i) {
      by_module[std::min<std::size_t>(file_.places[i].module, file_.modules.size())].push_back(i);
    }
    for (std::size_t i = 0; i < by_module.size(); ++i) {
      choose_offsets(by_module[i]);
      const auto id = i == file_.modules.size() ? without_module(by_module[i]) : module(file_.modules[i], by_module[i]);
      for (const auto place : by_module[i]) {
        pcs_[place].module = id;
      }
    }
    for (std::size_t i = 0; i < pcs_.size(); ++i) {
      symbolizer_.tell(pcs_[i], std::move(file_.places[i].frames));
    }
    return std::move(pcs_);
  }

 private:
  // Places of one offset that mean different things, which only other programs' profiles have, get offsets that no
  // code is at.
  void choose_offsets(const std::vector<std::size_t>& places) {
    constexpr std::uint64_t kMadeUp = std::uint64_t{1} << 63;
    std::map<std::uint64_t, std::size_t> taken;
    for (const auto place : places) {
      const auto& frames = file_.places[place].frames;
      auto offset = frames.front().offset;
      auto [entry, is_new] = taken.try_emplace(offset, place);
      while (!is_new && file_.places[entry->second].frames != frames) {
        offset = kMadeUp + made_up_++;
        std::tie(entry, is_new) = taken.try_emplace(offset, place);
      }
      pcs_[place].offset = offset;
    }
  }

  ModuleId without_module(const std::vector<std::size_t>& places) {
    return says_the_same(ModuleId::none, places) ? ModuleId::none : module({}, places);
  }

  ModuleId module(const Module& saved, const std::vector<std::size_t>& places) {
    Module module{.path = saved.path, .build_id = saved.build_id, .debug_file = {}};
    if (module.build_id.empty()) {
      // Of another build, perhaps.
      const auto id = recording_.modules.find(module);
      if (id && says_the_same(*id, places)) {
        return *id;
      }
      module.variant = 1;
    }
    auto id = recording_.modules.intern(module);
    while (!is_free_for(id, places)) {
      ++module.variant;
      id = recording_.modules.intern(module);
    }
    return id;
  }

  bool says_the_same(ModuleId id, const std::vector<std::size_t>& places) {
    return std::ranges::all_of(places, [&](std::size_t i) {
      return symbolizer_.frames({id, pcs_[i].offset}) == file_.places[i].frames;
    });
  }

  bool is_free_for(ModuleId id, const std::vector<std::size_t>& places) const {
    return std::ranges::all_of(places, [&](std::size_t i) {
      const auto* known = symbolizer_.known_frames({id, pcs_[i].offset});
      return known == nullptr || *known == file_.places[i].frames;
    });
  }

  SnapshotFile& file_;
  Recording& recording_;
  Symbolizer& symbolizer_;
  std::vector<Pc> pcs_;  // by place
  std::uint64_t made_up_ = 0;
};

}  // namespace

Result<SnapshotFile> pack(const Snapshot& snapshot, const Recording& recording, FrameSource& frames,
                          const std::function<bool(double)>& progress) {
  return Packer(recording, frames).pack(snapshot, nullptr, progress);
}

Result<SnapshotFile> pack_difference(const Snapshot& older, const Snapshot& newer, const Recording& recording,
                                     FrameSource& frames, const std::function<bool(double)>& progress) {
  return Packer(recording, frames).pack(newer, &older, progress);
}

Result<SnapshotFile> read_profile(const std::string& path) {
  const auto bytes = read_file(expand_home(path), kLargestProfile);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  auto file = parse_pprof(*bytes);
  return file ? std::move(file)
              : fail(file.error().code, fmt::format("cannot load '{}': {}", path, file.error().message));
}

Snapshot unpack(SnapshotFile file, Recording& recording, Symbolizer& symbolizer) {
  const auto pcs = PlaceFinder(file, recording, symbolizer).find();
  std::vector<TracebackId> stacks;
  stacks.reserve(file.stacks.size());
  Traceback traceback;
  for (const auto& stack : file.stacks) {
    traceback.frames.clear();
    for (const auto place : stack.places) {
      traceback.frames.push_back({FrameKind::native, pcs[place]});
    }
    traceback.end = stack.end;
    traceback.stopped_at = stack.stopped_at;
    stacks.push_back(recording.tracebacks.intern(traceback));
  }
  const auto intern = [](auto& table, const std::vector<std::string>& names) {
    std::vector<decltype(table.intern({}))> ids;
    for (const auto& name : names) {
      ids.push_back(table.intern(name));
    }
    return ids;
  };
  const auto domains = intern(recording.domains, file.domains);
  const auto threads = intern(recording.threads, file.threads);
  auto snapshot = std::move(file.snapshot);
  for (auto& [origin, size, count, peak, allocated, allocations] : snapshot.counts) {
    origin = {stacks[static_cast<std::size_t>(origin.traceback)], domains[static_cast<std::size_t>(origin.domain)],
              threads[static_cast<std::size_t>(origin.thread)]};
  }
  for (auto& freed : snapshot.freed) {
    freed.traceback = stacks[static_cast<std::size_t>(freed.traceback)];
    freed.domain = domains[static_cast<std::size_t>(freed.domain)];
  }
  return snapshot;
}

}  // namespace memsnap
