#include "plugin/scripts/snapshot_json.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/formats/json_line.h"
#include "plugin/progress.h"

namespace memsnap {
namespace {

// A list under construction.
class List {
 public:
  template <typename... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (text_.size() > 0) {
      text_.push_back(',');
    }
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
  }
  void add_name(std::string_view name) { add("{}", json_text(name)); }
  std::string_view text() const { return {text_.data(), text_.size()}; }

 private:
  fmt::memory_buffer text_;
};

class Writer {
 public:
  Writer(Session& session, const Snapshot& snapshot) : blame_(session.blame()), limit_(snapshot.script_frames) {}

  std::size_t traceback(TracebackId id) {
    const auto [known, is_new] = ids_.try_emplace(id, ids_.size());
    if (is_new) {
      add(id);
    }
    return known->second;
  }

  std::string_view frames() const { return frames_.text(); }
  std::string_view tracebacks() const { return tracebacks_.text(); }

 private:
  void add(TracebackId id) {
    const auto site = blame_.find_call_site(id);
    if (!site) {
      tracebacks_.add("[1,{}]", unknown());
      return;
    }
    // Of a call site that is hidden, tables do not give the line.
    const auto frames = blame_.judged_frames(id).subspan(site->index);
    const auto shown = limit_ == 0 || limit_ > frames.size() ? frames.size() : limit_;
    indexes_.clear();
    for (std::size_t i = 0; i < shown; ++i) {
      const bool by_line = i == 0 ? !site->judged.hidden : frames[i].frame->has_line();
      fmt::format_to(std::back_inserter(indexes_), ",{}", frame(frames[i], by_line));
    }
    tracebacks_.add("[{}{}]", frames.size(), std::string_view(indexes_.data(), indexes_.size()));
  }

  std::size_t frame(const JudgedFrame& judged, bool by_line) {
    auto& known = by_line ? by_line_ : by_name_;
    constexpr auto kUnknown = static_cast<std::size_t>(-1);
    if (judged.number >= known.size()) {
      known.resize(judged.number + std::size_t{1}, kUnknown);
    }
    auto& index = known[judged.number];
    if (index == kUnknown) {
      index = next_++;
      const auto& frame = *judged.frame;
      const bool has_file = by_line && !frame.file.empty();
      frames_.add("[{},{},{},{},{},{}]", json_text(has_file ? frame.file : module_function(frame)),
                  has_file ? frame.line : 0, json_text(frame.function), json_text(frame.module), frame.inlined,
                  judged.hidden);
    }
    return index;
  }

  std::size_t unknown() {
    if (!unknown_) {
      unknown_ = next_++;
      frames_.add(R"(["<unknown>",0,"","",false,false])");
    }
    return *unknown_;
  }

  Blame& blame_;
  std::size_t limit_;
  List frames_;
  List tracebacks_;
  fmt::memory_buffer indexes_;
  std::unordered_map<TracebackId, std::size_t> ids_;
  std::vector<std::size_t> by_line_;  // by JudgedFrame::number
  std::vector<std::size_t> by_name_;
  std::optional<std::size_t> unknown_;
  std::size_t next_ = 0;
};

std::string names_json(const std::vector<std::string>& names) {
  List list;
  for (const auto& name : names) {
    list.add_name(name);
  }
  return std::string(list.text());
}

}  // namespace

std::string json_text(std::string_view text) { return to_json_text(text); }

Result<std::string> snapshot_json(Session& session, const Snapshot& snapshot, std::uint64_t handle) {
  Writer writer(session, snapshot);
  Progress progress(session.debugger(), "reading symbols");
  List traces;
  for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
    constexpr std::size_t kStep = 64;
    if (i % kStep == 0 && !progress(static_cast<double>(i) / static_cast<double>(snapshot.counts.size()))) {
      return fail(Code::interrupted, "interrupted");
    }
    const auto& live = snapshot.counts[i];
    traces.add("[{},{},{},{},{}]", static_cast<unsigned>(live.origin.domain),
               static_cast<std::uint32_t>(live.origin.thread), live.size, live.count,
               writer.traceback(live.origin.traceback));
  }
  return fmt::format(
      R"({{"handle":{},"limit":{},"domains":[{}],"threads":[{}],"frames":[{}],"tracebacks":[{}],"traces":[{}]}})",
      handle, snapshot.script_frames == 0 ? snapshot.frames : snapshot.script_frames,
      names_json(session.recording().domains.names()), names_json(session.recording().threads.names()), writer.frames(),
      writer.tracebacks(), traces.text());
}

}  // namespace memsnap
