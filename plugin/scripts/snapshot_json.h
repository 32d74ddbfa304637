#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "plugin/session.h"

namespace memsnap {

/// A text as JSON writes it, between quotes; what is no UTF-8 in it is replaced.
std::string json_text(std::string_view text);

/// A snapshot for a script, as one JSON value: {"handle", "limit", "domains", "threads", "frames", "tracebacks",
/// "traces"}. Each thing stands there once, and others name it by its index, so that 80,000 tracebacks take a moment.
///
///   frame      [filename, line, function, module, inlined, hidden]; filename is the file's whole path, or
///              `module!function` with line 0 where no source line is known, or the call site is a hidden frame
///   traceback  [number of frames, frames...]: from the call site on, most recent first; the frames may be fewer than
///              the number, by Snapshot::script_frames
///   trace      [domain, thread, size, count, traceback], in the order of Snapshot::counts
///
/// So the first frame of a traceback is what `stats lineno` names. Errors: Code::interrupted.
Result<std::string> snapshot_json(Session& session, const Snapshot& snapshot, std::uint64_t handle);

}  // namespace memsnap
