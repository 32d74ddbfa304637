#include "core/formats/paths.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <string_view>
#include <utility>

namespace memsnap {
namespace {

// A frame without what a flame graph does not tell apart.
Frame plain(const Frame& frame) {
  auto copy = frame;
  const bool has_name = !frame.function.empty() || frame.has_line();
  copy.offset = has_name ? 0 : frame.offset;
  copy.function_offset = 0;
  copy.inlined = false;
  return copy;
}

Frame marker(std::string_view name) {
  Frame frame;
  frame.function = name;
  return frame;
}

class PathMaker {
 public:
  explicit PathMaker(const SnapshotFile& file) : file_(file) {}

  Paths make() {
    for (const auto& place : file_.places) {
      auto& numbers = places_.emplace_back();
      for (const auto& frame : place.frames) {
        numbers.push_back(number(plain(frame)));
      }
    }
    const auto amounts = amounts_by_stack(file_);
    for (std::size_t i = 0; i < amounts.size(); ++i) {
      if (amounts[i] != Amounts{}) {
        paths_.paths.push_back({path(file_.stacks[i]), amounts[i]});
      }
    }
    order_frames();
    merge_paths();
    return std::move(paths_);
  }

 private:
  std::uint32_t number(Frame frame) {
    return numbers_.try_emplace(std::move(frame), static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

  std::vector<std::uint32_t> path(const SnapshotFile::Stack& stack) {
    std::vector<std::uint32_t> path;
    if (stack.end == TracebackEnd::frame_limit) {
      path.push_back(number(marker("[frame limit]")));
    } else if (stack.end == TracebackEnd::no_unwind_info) {
      path.push_back(number(marker("[no unwind information]")));
    }
    for (const auto place : std::views::reverse(stack.places)) {
      path.insert(path.end(), places_[place].rbegin(), places_[place].rend());
    }
    if (path.empty()) {
      path.push_back(number(marker("<unknown>")));
    }
    return path;
  }

  // From the order in which frames came to their own.
  void order_frames() {
    std::vector<std::uint32_t> place_in_order(numbers_.size());
    for (const auto& [frame, number] : numbers_) {
      place_in_order[number] = static_cast<std::uint32_t>(paths_.frames.size());
      paths_.frames.push_back(frame);
    }
    for (auto& path : paths_.paths) {
      for (auto& frame : path.frames) {
        frame = place_in_order[frame];
      }
    }
  }

  void merge_paths() {
    auto& all = paths_.paths;
    std::ranges::sort(all, {}, &Paths::Path::frames);
    std::size_t kept = 0;
    for (auto& path : all) {
      if (kept > 0 && all[kept - 1].frames == path.frames) {
        all[kept - 1].amounts.add(path.amounts);
      } else {
        std::swap(all[kept++], path);
      }
    }
    all.resize(kept);
  }

  const SnapshotFile& file_;
  std::map<Frame, std::uint32_t> numbers_;
  std::vector<std::vector<std::uint32_t>> places_;  // the numbers of each place's frames
  Paths paths_;
};

}  // namespace

void Amounts::add(const Amounts& other) {
  size += other.size;
  count += other.count;
  old_size += other.old_size;
  old_count += other.old_count;
}

Paths make_paths(const SnapshotFile& file) { return PathMaker(file).make(); }

std::vector<Amounts> amounts_by_stack(const SnapshotFile& file) {
  std::vector<Amounts> amounts(file.stacks.size());
  for (const auto& live : file.snapshot.counts) {
    amounts.at(static_cast<std::size_t>(live.origin.traceback)).add({live.size, live.count, 0, 0});
  }
  if (file.older) {
    for (const auto& live : file.older->counts) {
      amounts.at(static_cast<std::size_t>(live.origin.traceback)).add({0, 0, live.size, live.count});
    }
  }
  return amounts;
}

std::string frame_name(const Frame& frame) {
  return frame.has_line() && !frame.function.empty() ? frame.function : module_function(frame);
}

}  // namespace memsnap
