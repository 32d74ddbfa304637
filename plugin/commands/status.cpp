#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/formats/json_line.h"
#include "core/formats/size.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

std::string_view to_string(Tracing tracing) {
  switch (tracing) {
    case Tracing::no:
      return "no";
    case Tracing::armed:
      return "armed";
    case Tracing::yes:
      return "yes";
  }
  return "no";
}

// Of a process that is gone, and with it its books, nothing can be told.
template <typename T>
T or_nothing(const Result<T>& result) {
  return result ? *result : T();
}

Json domains_json(const EngineReport& report) {
  auto domains = Json::object();
  for (const auto& entry : report.entry_points) {
    auto& domain = domains[entry.domain];
    // Two modules can have an entry point of one name.
    const auto name = domain.contains(entry.name) ? entry.module + "!" + entry.name : entry.name;
    domain[name] = entry.how;
  }
  return domains;
}

Json status_json(Session& session) {
  auto* engine = session.engine_or_null();
  const auto totals = engine == nullptr ? Totals() : or_nothing(engine->totals());
  const auto now = engine == nullptr ? Snapshot() : or_nothing(engine->now());
  const auto report = engine == nullptr ? EngineReport() : engine->report();
  std::uint64_t not_recorded = 0;
  auto reasons = Json::object();
  for (const auto& [reason, calls] : report.not_recorded) {
    not_recorded += calls;
    reasons[reason] = calls;
  }
  const auto engine_name = engine == nullptr ? std::string_view(session.options().engine) : engine->name();
  Json status = {{"tracing", to_string(session.tracing())},
                 {"engine", engine == nullptr && session.tracing() == Tracing::no ? Json() : Json(engine_name)},
                 {"frames", now.frames == 0 ? session.options().frames : now.frames},
                 {"size", totals.size},
                 {"count", totals.count},
                 {"peak", totals.peak},
                 {"tracebacks", now.tracebacks()},
                 {"allocations", totals.allocations},
                 {"frees", totals.frees},
                 {"allocated", totals.allocated},
                 {"not_recorded", not_recorded},
                 {"not_recorded_reasons", reasons},
                 {"unknown_frees", totals.unknown_frees},
                 {"missed_frees", totals.missed_frees},
                 {"faults", report.faults},
                 {"remark", report.remark.empty() ? session.remark() : report.remark},
                 {"overhead_process", report.overhead_process},
                 {"overhead_debugger", report.overhead_debugger},
                 {"domains", domains_json(report)}};
  if (report.history != 0) {
    status["history"] = report.history;
  }
  if (report.faults_lost != 0) {
    status["faults_lost"] = report.faults_lost;
  }
  return status;
}

// The same as `key: value` lines; what people read as a size has it in words behind.
std::string status_text(const Json& status) {
  std::string text;
  for (const auto& [key, value] : status.items()) {
    const bool is_size = key == "size" || key == "peak" || key == "allocated" || key.starts_with("overhead");
    if (key == "remark") {
      if (const auto remark = value.get<std::string>(); !remark.empty()) {
        text += fmt::format("remark: {}\n", remark);
      }
    } else if (key == "domains") {
      for (const auto& [domain, entries] : value.items()) {
        std::vector<std::string> words;
        for (const auto& [name, how] : entries.items()) {
          words.push_back(fmt::format("{} ({})", name, how.get<std::string>()));
        }
        text += fmt::format("domains: {}: {}\n", domain, fmt::join(words, ", "));
      }
    } else if (key == "not_recorded_reasons") {
      for (const auto& [reason, calls] : value.items()) {
        text += fmt::format("not_recorded: {} {}\n", calls.get<std::uint64_t>(), reason);
      }
    } else if (value.is_string()) {
      text += fmt::format("{}: {}\n", key, value.get<std::string>());
    } else if (value.is_number()) {
      const auto number = value.get<std::uint64_t>();
      text += is_size && number >= 10240 ? fmt::format("{}: {} ({})\n", key, number, format_size(number))
                                         : fmt::format("{}: {}\n", key, number);
    } else {
      text += fmt::format("{}: -\n", key);
    }
  }
  return text;
}

}  // namespace

Result<std::string> status(Session& session, Words words) {
  Arguments arguments("status");
  bool json = false;
  arguments.flag("--json", json);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  if (session.debugger().state() == InferiorState::running && session.tracing() != Tracing::no) {
    return process_is_running();
  }
  const auto status = status_json(session);
  return json ? to_json_line(status) : status_text(status);
}

}  // namespace memsnap::commands
