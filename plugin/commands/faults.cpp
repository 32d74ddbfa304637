#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/formats/frame_json.h"
#include "core/formats/json_line.h"
#include "core/formats/row_limit.h"
#include "core/formats/size.h"
#include "core/module.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNone = "memsnap: no faults\n";

std::string_view kind_word(FaultKind kind) {
  switch (kind) {
    case FaultKind::freed_again:
      return "double free";
    case FaultKind::inner:
      return "inner address";
    case FaultKind::foreign:
      return "foreign address";
    case FaultKind::mismatch:
      return "mismatch";
  }
  return "";
}

// `in libc.so.6`, and the like.
std::string foreign_place(const std::vector<MappedModule>& modules, const Fault& fault) {
  if (fault.is_on_stack) {
    return "on the stack";
  }
  const auto has_address = [&fault](const MappedModule& module) {
    return std::ranges::any_of(module.segments,
                               [&fault](const AddressRange& segment) { return segment.contains(fault.address); });
  };
  const auto found = std::ranges::find_if(modules, has_address);
  return found == modules.end() ? "where no block is" : fmt::format("in {}", base_name(found->module.path));
}

// What was done, in front of its call site.
std::string what(const std::vector<MappedModule>& modules, const Fault& fault) {
  const auto verb = fault.is_reallocated ? "realloc" : "free";
  const auto address = fault.address.value;
  const auto size = format_size(fault.block ? fault.block->size : 0);
  switch (fault.kind) {
    case FaultKind::freed_again:
      return fmt::format("{} of {:#x} ({})", fault.is_reallocated ? "realloc after free" : "double free", address,
                         size);
    case FaultKind::inner:
      return fmt::format("{} of an inner address {:#x}, {} into a block of {}", verb, address,
                         format_size(address - fault.block->address.value), size);
    case FaultKind::mismatch:
      return fmt::format("{} of what {} gave, {:#x} ({})", fault.taken, fault.given, address, size);
    case FaultKind::foreign:
      break;
  }
  return fmt::format("{} of {:#x}, {}", verb, address, foreign_place(modules, fault));
}

struct Part {
  std::string_view text;
  std::string_view json;
  std::optional<TracebackId> traceback;
};

std::vector<Part> parts(const Fault& fault) {
  const bool is_again = fault.kind == FaultKind::freed_again;
  const auto allocated = fault.block ? std::optional(fault.block->origin.traceback) : std::nullopt;
  return {{fault.is_reallocated ? "reallocated at"
           : is_again           ? "freed again at"
                                : "freed at",
           "freed", fault.traceback},
          {"first freed at", "first_freed", fault.first_freed},
          {"allocated at", "allocated", allocated}};
}

std::string indented(std::string_view lines) {
  std::string text;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    text.append("  ").append(lines.substr(0, end)) += '\n';
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  return text;
}

std::string fault_text(Session& session, const std::vector<MappedModule>& modules, const Fault& fault, std::size_t rank,
                       const TableOptions& options, const SourceLines& sources) {
  const auto times = fault.times == 1 ? std::string() : fmt::format(", {} times", fault.times);
  auto text =
      fmt::format("#{} {}{}: {}\n", rank, what(modules, fault), times, session.blame().call_site_name(fault.traceback));
  for (const auto& part : parts(fault)) {
    if (part.traceback) {
      text += fmt::format("  {}:\n", part.text) +
              indented(traceback_text(*part.traceback, options.all, session.blame(), sources));
    }
  }
  return text;
}

Json fault_json(Session& session, const std::vector<MappedModule>& modules, const Fault& fault, std::size_t rank) {
  const auto& recording = session.recording();
  const auto thread_name = [&](ThreadId id) { return recording.threads.names().at(std::to_underlying(id)); };
  Json json = {{"rank", rank},
               {"kind", kind_word(fault.kind)},
               {"address", fault.address.value},
               {"times", fault.times},
               {"thread", thread_name(fault.thread)},
               {"place", fault.kind == FaultKind::foreign ? Json(foreign_place(modules, fault)) : Json()},
               {"given", or_null(fault.given)},
               {"taken", or_null(fault.taken)},
               {"reallocated", fault.is_reallocated},
               {"block", nullptr},
               {"first_thread", fault.first_freed ? Json(thread_name(fault.first_thread)) : Json()}};
  if (const auto& block = fault.block) {
    json["block"] = {{"address", block->address.value},
                     {"size", block->size},
                     {"domain", recording.domains.names().at(std::to_underlying(block->origin.domain))},
                     {"thread", thread_name(block->origin.thread)}};
  }
  for (const auto& part : parts(fault)) {
    json[part.json] = part.traceback ? frames_json(session.blame().judged_frames(*part.traceback)) : Json();
  }
  return json;
}

}  // namespace

Result<std::string> faults(Session& session, Words words) {
  Arguments arguments("faults");
  TableOptions options;
  options.declare(arguments, false);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto engine = session.engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  const auto found = (*engine)->faults();
  if (!found) {
    return std::unexpected(found.error());
  }
  auto& debugger = session.debugger();
  const auto modules = debugger.state() == InferiorState::none ? std::vector<MappedModule>() : debugger.modules();
  const auto lost = (*engine)->report().faults_lost;
  const auto shown = rows_shown(options.limit, found->size());
  if (options.json) {
    auto rows = Json::array();
    for (std::size_t i = 0; i < shown; ++i) {
      rows.push_back(fault_json(session, modules, (*found)[i], i + 1));
    }
    const Json json = {{"rows", rows}, {"rows_total", found->size()}, {"lost", lost}};
    return to_json_line(json);
  }
  const auto sources = source_lines(session);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    text += fault_text(session, modules, (*found)[i], i + 1, options, sources);
  }
  text += more_text(found->size() - shown, "row");
  if (lost != 0) {
    text += fmt::format("... and {} that there was no room for\n", lost);
  }
  return text.empty() ? std::string(kNone) : text;
}

}  // namespace memsnap::commands
