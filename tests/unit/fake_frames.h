#pragma once

#include <initializer_list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/trace/frame.h"
#include "core/trace/traceback.h"

namespace memsnap {

/// A frame with a source line.
inline Frame source_frame(std::string file, std::uint32_t line, std::string function = "work()") {
  Frame frame;
  frame.file = std::move(file);
  frame.line = line;
  frame.function = std::move(function);
  frame.module = "/app/program";
  return frame;
}

/// A frame without line information.
inline Frame module_frame(std::string module, std::string function, std::uint64_t offset = 0x2000,
                          std::uint64_t function_offset = 0x8a) {
  Frame frame;
  frame.module = std::move(module);
  frame.function = std::move(function);
  frame.offset = offset;
  frame.function_offset = function_offset;
  return frame;
}

/// A FrameSource that knows what it was told. A Pc that it was not told of has one frame, with nothing but an offset.
class FakeFrames final : public FrameSource {
 public:
  void add(const Pc& pc, std::vector<Frame> frames) { frames_[pc] = std::move(frames); }

  const std::vector<Frame>& frames(const Pc& pc) override {
    const auto [entry, is_new] = frames_.try_emplace(pc);
    if (is_new) {
      entry->second.push_back(module_frame("", "", pc.offset, 0));
    }
    return entry->second;
  }

 private:
  std::unordered_map<Pc, std::vector<Frame>> frames_;
};

/// Tracebacks made of frames, each place in code at a Pc of its own.
class FakeStacks {
 public:
  /// A new place; more frames than one were inlined, innermost first.
  Pc place(std::vector<Frame> frames) {
    const Pc pc{ModuleId{0}, next_ += 0x10};
    source.add(pc, std::move(frames));
    return pc;
  }
  Pc place(Frame frame) { return place(std::vector{std::move(frame)}); }

  /// The traceback through these places, most recent first.
  TracebackId traceback(std::initializer_list<Pc> pcs, TracebackEnd end = TracebackEnd::complete,
                        Address stopped_at = {}) {
    Traceback traceback;
    for (const auto& pc : pcs) {
      traceback.frames.push_back({FrameKind::native, pc});
    }
    traceback.end = end;
    traceback.stopped_at = stopped_at;
    return table.intern(traceback);
  }

  TracebackTable table;
  FakeFrames source;

 private:
  std::uint64_t next_ = 0x1000;
};

}  // namespace memsnap
