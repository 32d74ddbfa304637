#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "core/formats/snapshot_file.h"

namespace memsnap::test {

/// A snapshot of `stacks` tracebacks with everything that a file has to keep: inlined frames, code without names and
/// without a module, tracebacks that end early or have no frames, what has been freed.
inline SnapshotFile make_snapshot_file(std::size_t stacks, std::size_t depth = 8) {
  std::mt19937 random(1);
  SnapshotFile file;
  file.modules = {{"/app/program", "00ff", ""}, {"/lib/libc.so.6", "1234", ""}, {"/app/without id.so", "", ""}};
  file.domains = {"malloc", "new", "my pool"};
  file.threads = {"thread 1 (main)", "thread 2"};
  const auto places = stacks + 10;
  for (std::uint32_t i = 0; i < places; ++i) {
    SnapshotFile::Place place;
    place.module = i % 7 == 6 ? SnapshotFile::kNoModule : i % 3;
    Frame frame;
    frame.module = place.module == SnapshotFile::kNoModule ? "" : file.modules[place.module].path;
    frame.offset = 0x1000 + i * 16;
    if (place.module == 0) {
      frame.function_offset = i + 1;
      frame.file = "/src/file" + std::to_string(i % 100) + ".cpp";
      frame.line = i + 1;
      frame.function = "function" + std::to_string(i) + "(int)";
      if (i % 2 == 0) {
        auto inlined = frame;
        inlined.inlined = true;
        inlined.function = "std::vector<int, std::allocator<int>>::push_back(int&&)";
        inlined.file = "/usr/include/c++/12/bits/stl_vector.h";
        place.frames.push_back(inlined);
      }
    } else if (place.module == 1 && i % 2 == 0) {
      frame.function_offset = 0x8a;
      frame.function = "__libc_start_main";
    }
    place.frames.push_back(frame);
    file.places.push_back(place);
  }
  auto& snapshot = file.snapshot;
  for (std::uint32_t i = 0; i < stacks; ++i) {
    SnapshotFile::Stack stack;
    for (std::size_t frame = 0; frame < i % (depth + 1); ++frame) {
      stack.places.push_back(static_cast<std::uint32_t>(random() % places));
    }
    if (i % 5 == 1) {
      stack.end = TracebackEnd::frame_limit;
    } else if (i % 5 == 2) {
      stack.end = TracebackEnd::no_unwind_info;
      stack.stopped_at = {std::uint64_t{0x7f0000001000} + i};
    }
    file.stacks.push_back(stack);
    const DomainId domain{static_cast<std::uint16_t>(i % 3)};
    if (i % 4 == 3) {
      snapshot.freed.push_back({TracebackId{i}, domain, i * 100, 5});
      continue;
    }
    const LiveCount live{.origin = {TracebackId{i}, domain, ThreadId{i % 2}},
                         .size = i * 24,
                         .count = 1 + i % 9,
                         .peak = i * 24,
                         .allocated = i * 100,
                         .allocations = 20};
    snapshot.size += live.size;
    snapshot.count += live.count;
    snapshot.counts.push_back(live);
  }
  snapshot.name = "after: a 'name'";
  snapshot.peak = snapshot.size + 7;
  snapshot.engine = "recorder";
  snapshot.frames = 32;
  snapshot.since_start_only = true;
  return file;
}

}  // namespace memsnap::test
