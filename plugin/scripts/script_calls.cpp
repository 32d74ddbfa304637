#include "plugin/scripts/script_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/formats/number.h"
#include "core/formats/pprof_writer.h"
#include "plugin/files.h"
#include "plugin/measures.h"
#include "plugin/packing.h"
#include "plugin/scripts/snapshot_json.h"

namespace memsnap {
namespace {

constexpr std::string_view kFailed = "failed";

std::string_view kind_of(Code code) {
  switch (code) {
    case Code::usage:
      return "usage";
    case Code::not_found:
      return "not_found";
    case Code::io:
    case Code::malformed:
      return "io";
    case Code::interrupted:
      return "interrupted";
    default:
      return kFailed;
  }
}

// tracemalloc's own functions do nothing, or say zero, where nothing is traced.
bool is_nothing_traced(Code code) { return code == Code::not_tracing || code == Code::no_process; }

Result<std::string> number(const Result<std::uint64_t>& value) {
  return value ? Result<std::string>(std::to_string(*value)) : std::unexpected(value.error());
}

std::string state(Session& session) {
  const auto& options = session.options();
  return fmt::format(R"({{"tracing":{},"limit":{}}})", session.tracing() != Tracing::no,
                     options.script_frames == 0 ? options.frames : options.script_frames);
}

Result<std::string> memory(Session& session) {
  const auto engine = session.engine();
  const auto totals = engine ? (*engine)->totals() : std::unexpected(engine.error());
  if (!totals && !is_nothing_traced(totals.error().code)) {
    return std::unexpected(totals.error());
  }
  return totals ? fmt::format("[{},{}]", totals->size, totals->peak) : "[0,0]";
}

Result<std::string> overhead(Session& session) {
  if (session.debugger().state() == InferiorState::running && session.tracing() != Tracing::no) {
    return process_is_running();
  }
  auto* engine = session.engine_or_null();
  const auto report = engine == nullptr ? EngineReport() : engine->report();
  return std::to_string(report.overhead_process + report.overhead_debugger);
}

Result<std::string> change(Session& session, Result<void> (Engine::*action)()) {
  const auto engine = session.engine();
  const auto done = engine ? ((*engine)->*action)() : std::unexpected(engine.error());
  return done || is_nothing_traced(done.error().code) ? Result<std::string>() : std::unexpected(done.error());
}

// A snapshot of some of the traces alone.
Result<Snapshot> part_of(const Snapshot& whole, const std::string& numbers) {
  auto part = whole;
  part.counts.clear();
  part.freed.clear();
  part.size = part.count = 0;
  for (const auto index : nlohmann::json::parse(numbers).get<std::vector<std::size_t>>()) {
    const auto& live = whole.counts.at(index);
    part.counts.push_back(live);
    part.size += live.size;
    part.count += live.count;
  }
  part.peak = part.size;
  return part;
}

}  // namespace

ScriptAnswer ScriptCalls::call(Words words) {
  try {
    auto result = words.empty() ? fail(Code::usage, "which call?") : answer(words.front(), words.subspan(1));
    return result ? ScriptAnswer{"", std::move(*result)}
                  : ScriptAnswer{kind_of(result.error().code), std::move(result.error().message)};
  } catch (const std::exception& error) {
    return {kFailed, fmt::format("internal error: {}", error.what())};
  }
}

Result<std::string> ScriptCalls::answer(std::string_view name, Words arguments) {
  const auto is = [&](std::string_view word, std::size_t count) { return name == word && arguments.size() == count; };
  if (is("start", 2)) {
    return start(arguments);
  }
  if (is("stop", 0)) {
    const auto stopped = session_.tracing() == Tracing::no ? Result<void>() : session_.stop();
    return stopped ? Result<std::string>() : std::unexpected(stopped.error());
  }
  if (is("clear", 0)) {
    return change(session_, &Engine::clear);
  }
  if (is("reset-peak", 0)) {
    return change(session_, &Engine::reset_peak);
  }
  if (is("state", 0)) {
    return state(session_);
  }
  if (is("memory", 0)) {
    return memory(session_);
  }
  if (is("overhead", 0)) {
    return overhead(session_);
  }
  if (is("size", 0)) {
    return number(live_size(session_));
  }
  if (is("count", 0)) {
    return number(live_count(session_));
  }
  if (is("site", 1)) {
    return number(live_size_at(session_, arguments[0]));
  }
  if (is("snapshot", 1)) {
    const auto found = session_.find_snapshot(arguments[0]);
    return found ? give(*found) : std::unexpected(found.error());
  }
  if (is("release", 1)) {
    given_.erase(parse_number<std::uint64_t>(arguments[0]).value_or(0));
    return "";
  }
  if (is("dump", 2) || is("dump", 3)) {
    return dump(arguments);
  }
  if (is("load", 1)) {
    return load(arguments[0]);
  }
  if (is("block", 1)) {
    return block(arguments[0]);
  }
  if (is("source", 1)) {
    return json_text(session_.debugger().source_path(arguments[0]));
  }
  return fail(Code::usage, fmt::format("no call '{}' with {} arguments", name, arguments.size()));
}

// A script counts frames from the call site on, and tracemalloc's default is one. More are recorded, or the call site
// would mostly not be among them: std::vector's push_back is four frames away from its user.
Result<std::string> ScriptCalls::start(Words arguments) {
  const auto frames = parse_number<std::uint32_t>(arguments[0]).value_or(0);
  if (frames < 1 || frames > StartOptions::kMostFrames) {
    return fail(Code::usage, fmt::format("the number of frames must be in range [1; {}]", StartOptions::kMostFrames));
  }
  if (auto known = check_engine(arguments[1]); !known) {
    return std::unexpected(known.error());
  }
  if (session_.tracing() != Tracing::no) {
    return "";
  }
  const StartOptions defaults;
  const auto started =
      session_.start({.frames = std::max(frames, defaults.frames), .engine = arguments[1], .script_frames = frames});
  if (!started) {
    return std::unexpected(started.error());
  }
  if (const auto remark = session_.remark(); !remark.empty()) {
    session_.debugger().tell(fmt::format("memsnap: {}\n", remark));
  }
  return "";
}

Result<std::string> ScriptCalls::give(SnapshotPtr snapshot) {
  const auto handle = last_handle_ + 1;
  auto json = snapshot_json(session_, *snapshot, handle);
  if (json) {
    last_handle_ = handle;
    given_.emplace(handle, std::move(snapshot));
  }
  return json;
}

Result<std::string> ScriptCalls::dump(Words arguments) {
  const auto given = given_.find(parse_number<std::uint64_t>(arguments[0]).value_or(0));
  if (given == given_.end()) {
    return fail(Code::not_found, "no snapshot has this handle");
  }
  const auto chosen = arguments.size() > 2 ? part_of(*given->second, arguments[2]) : Result<Snapshot>(*given->second);
  if (!chosen) {
    return std::unexpected(chosen.error());
  }
  const auto packed = session_.pack(*chosen);
  if (!packed) {
    return std::unexpected(packed.error());
  }
  const auto written = write_file(arguments[1], to_pprof(*packed));
  return written ? Result<std::string>() : std::unexpected(written.error());
}

Result<std::string> ScriptCalls::load(const std::string& file) {
  auto parsed = read_profile(file);
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  return give(std::make_shared<const Snapshot>(session_.unpack(std::move(*parsed))));
}

Result<std::string> ScriptCalls::block(const std::string& address) {
  const auto wanted = parse_number<std::uint64_t>(address);
  if (!wanted) {
    return fail(Code::usage, fmt::format("'{}' is no address", address));
  }
  const auto engine = session_.engine();
  const auto found = engine ? (*engine)->find_block({*wanted}, 0) : std::unexpected(engine.error());
  if (!found) {
    return is_nothing_traced(found.error().code) ? Result<std::string>("null") : std::unexpected(found.error());
  }
  if (!*found) {
    return "null";
  }
  Snapshot alone;
  alone.script_frames = session_.options().script_frames;
  alone.counts.push_back({.origin = {.traceback = (*found)->origin.traceback}, .size = (*found)->size, .count = 1});
  return snapshot_json(session_, alone, 0);
}

}  // namespace memsnap
