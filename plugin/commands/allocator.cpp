#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "core/formats/frame_json.h"
#include "core/formats/json_line.h"
#include "core/symbols/symbolizer.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNotFound = "not found";
constexpr std::string_view kNotTraced = "cannot be traced";

WatchedEntryPoint unseen(const EntryPointSpec& spec, std::string_view how) {
  return {std::string(spec.domain),
          demangle(std::string(spec.name)),
          "",
          std::string(call_word(spec.kind)),
          argument_words(spec),
          how};
}

// Every entry point that is watched, and every function of the user's own that is nowhere yet; without a process, all
// that is looked for. By domain, module and name.
std::vector<WatchedEntryPoint> entry_points(Session& session) {
  auto* engine = session.engine_or_null();
  std::vector<WatchedEntryPoint> all;
  if (engine == nullptr) {
    for (const auto& spec : known_entry_points()) {
      all.push_back(unseen(spec, ""));
    }
  } else {
    all = engine->report().entry_points;
  }
  for (const auto& spec : session.own_allocators().functions()) {
    const auto how = engine == nullptr ? "" : session.has_own(spec) ? kNotTraced : kNotFound;
    const auto entry = unseen(spec, how);
    const auto is_there = [&](const WatchedEntryPoint& each) {
      return each.domain == entry.domain && each.name == entry.name;
    };
    if (std::ranges::none_of(all, is_there)) {
      all.push_back(entry);
    }
  }
  std::ranges::sort(all, {}, [](const WatchedEntryPoint& entry) {
    return std::tie(entry.domain, entry.module, entry.name, entry.arguments);
  });
  return all;
}

std::string to_text(const WatchedEntryPoint& entry) {
  return fmt::format("{}: {} {}{}{}{}{}{}\n", entry.domain, entry.call, entry.name, entry.arguments.empty() ? "" : ":",
                     entry.arguments, entry.module.empty() ? "" : " in " + entry.module, entry.how.empty() ? "" : ", ",
                     entry.how);
}

Json to_json(const WatchedEntryPoint& entry) {
  return {{"domain", entry.domain},          {"call", entry.call},
          {"function", entry.name},          {"arguments", entry.arguments},
          {"module", or_null(entry.module)}, {"how", or_null(std::string(entry.how))}};
}

std::string print(const std::vector<WatchedEntryPoint>& entries, bool json) {
  if (json) {
    auto all = Json::array();
    for (const auto& entry : entries) {
      all.push_back(to_json(entry));
    }
    return to_json_line(all);
  }
  std::string text;
  for (const auto& entry : entries) {
    text += to_text(entry);
  }
  return text;
}

// The options of `add`, by what their functions do.
struct Functions {
  CallKind kind;
  std::string option;
  std::vector<std::string> texts;
};

Result<std::vector<OwnFunction>> parse(const std::array<Functions, 4>& given) {
  std::vector<OwnFunction> functions;
  for (const auto& [kind, option, texts] : given) {
    for (const auto& text : texts) {
      auto function = parse_own_function(kind, text);
      if (!function) {
        return std::unexpected(function.error());
      }
      functions.push_back(std::move(*function));
    }
  }
  const auto frees_one_pool = [](const OwnFunction& function) {
    return function.spec.kind == CallKind::free_all && function.spec.pool >= 0;
  };
  const auto gives = [](const OwnFunction& function) { return gives_block(function.spec.kind); };
  const auto gives_from_pool = [](const OwnFunction& function) {
    return gives_block(function.spec.kind) && function.spec.pool >= 0;
  };
  if (std::ranges::any_of(functions, frees_one_pool) && std::ranges::any_of(functions, gives) &&
      std::ranges::none_of(functions, gives_from_pool)) {
    return fail(Code::usage,
                "--free-all with a pool takes what was given with that pool: which argument of the --alloc "
                "function is it? pool=1 says it is the first");
  }
  return functions;
}

Result<std::string> add(Session& session, const Arguments& arguments, std::string_view name,
                        const std::array<Functions, 4>& given, bool json) {
  const auto functions = parse(given);
  if (!functions) {
    return std::unexpected(functions.error());
  }
  if (functions->empty()) {
    return arguments.wrong("which functions?");
  }
  if (auto added = session.add_allocator(name, *functions); !added) {
    return std::unexpected(added.error());
  }
  auto entries = entry_points(session);
  std::erase_if(entries, [&](const WatchedEntryPoint& entry) { return entry.domain != name; });
  return print(entries, json);
}

}  // namespace

Result<std::string> allocator(Session& session, Words words) {
  Arguments arguments("allocator");
  arguments.allow_words(2);
  bool json = false;
  std::array<Functions, 4> given = {Functions{CallKind::allocate, "--alloc", {}},
                                    {CallKind::reallocate, "--realloc", {}},
                                    {CallKind::free, "--free", {}},
                                    {CallKind::free_all, "--free-all", {}}};
  arguments.flag("--json", json);
  for (auto& each : given) {
    arguments.values(each.option, each.texts);
  }
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto& plain = arguments.words();
  const auto verb = plain.empty() ? std::string("list") : plain.front();
  if (verb == "add") {
    return plain.size() < 2 ? arguments.wrong("which name?") : add(session, arguments, plain[1], given, json);
  }
  if (verb != "list") {
    return arguments.wrong("no 'allocator " + verb + "'");
  }
  if (plain.size() > 1) {
    return arguments.wrong("one word too many: '" + plain[1] + "'");
  }
  for (const auto& each : given) {
    if (!each.texts.empty()) {
      return arguments.wrong("'allocator list' has no " + each.option);
    }
  }
  if (session.debugger().state() == InferiorState::running && session.tracing() != Tracing::no) {
    return process_is_running();
  }
  return print(entry_points(session), json);
}

}  // namespace memsnap::commands
