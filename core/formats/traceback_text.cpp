#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "core/formats/table.h"
#include "core/module.h"

namespace memsnap {
namespace {

std::string_view strip(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

void write_source_frame(std::string& out, const Frame& frame, const SourceLines& sources) {
  fmt::format_to(std::back_inserter(out), "  File \"{}\", line {}", frame.file, frame.line);
  if (!frame.function.empty()) {
    out.append(", in ").append(frame.function);
  }
  out += '\n';
  const auto source = sources ? sources(frame.file, frame.line) : std::nullopt;
  if (const auto line = strip(source ? *source : std::string_view{}); !line.empty()) {
    out.append("    ").append(line) += '\n';
  }
}

void write_module_frame(std::string& out, const Frame& frame) {
  const auto module = frame.module.empty() ? "?" : base_name(frame.module);
  if (frame.function.empty()) {
    fmt::format_to(std::back_inserter(out), "  Module \"{}\", in {:#x}\n", module, frame.offset);
  } else {
    fmt::format_to(std::back_inserter(out), "  Module \"{}\", in {}+{:#x}\n", module, frame.function,
                   frame.function_offset);
  }
}

void write_fold(std::string& out, std::size_t frames) {
  if (frames != 0) {
    fmt::format_to(std::back_inserter(out), "  ... {} library frame{}\n", frames, frames == 1 ? "" : "s");
  }
}

void write_end(std::string& out, const StoredTraceback& traceback) {
  switch (traceback.end) {
    case TracebackEnd::complete:
      break;
    case TracebackEnd::frame_limit:
      fmt::format_to(std::back_inserter(out), "  (truncated: {} frames limit)\n", traceback.frames.size());
      break;
    case TracebackEnd::no_unwind_info:
      fmt::format_to(std::back_inserter(out), "  (truncated: no unwind information at {:#x})\n",
                     traceback.stopped_at.value);
      break;
  }
}

}  // namespace

std::string traceback_text(TracebackId id, bool all_frames, Blame& blame, const SourceLines& sources) {
  const auto site = blame.call_site(id);
  const auto frames = blame.judged_frames(id);
  std::string out;
  std::size_t folded = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].hidden && !all_frames && site != i) {
      ++folded;
      continue;
    }
    write_fold(out, std::exchange(folded, 0));
    const auto& frame = *frames[i].frame;
    if (frame.has_line()) {
      write_source_frame(out, frame, sources);
    } else {
      write_module_frame(out, frame);
    }
  }
  write_fold(out, folded);
  write_end(out, blame.traceback(id));
  return out;
}

}  // namespace memsnap
