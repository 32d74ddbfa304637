#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/formats/size.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {
namespace {

// A limit that is passed already in this process is left alone until what is live has been within it.
std::string limit_line(Session& session) {
  const auto limit = session.limit();
  if (!limit) {
    return "memsnap: no limit\n";
  }
  auto* engine = session.engine_or_null();
  const auto totals =
      engine == nullptr || session.tracing() != Tracing::yes ? Totals() : engine->totals().value_or(Totals());
  return fmt::format("memsnap: limit {}{}\n", format_size(*limit),
                     totals.size > *limit ? fmt::format("; traced size {} is past it", format_size(totals.size)) : "");
}

Result<std::uint64_t> peak(Session& session) {
  const auto engine = session.engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  const auto totals = (*engine)->totals();
  return totals ? Result<std::uint64_t>(totals->peak) : std::unexpected(totals.error());
}

}  // namespace

Result<std::string> limit(Session& session, Words words) {
  Arguments arguments("limit");
  bool is_peak = false;
  arguments.flag("--peak", is_peak);
  arguments.allow_words(2);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto word = fmt::format("{}", fmt::join(arguments.words(), " "));  // `10 MiB` are two
  std::optional<std::uint64_t> bytes;
  if (is_peak && !word.empty()) {
    return arguments.wrong("--peak or a size, not both");
  }
  if (is_peak) {
    const auto peak = commands::peak(session);
    if (!peak) {
      return std::unexpected(peak.error());
    }
    bytes = *peak;
  } else if (word.empty()) {
    return limit_line(session);
  } else if (word != "off") {
    bytes = parse_size(word);
    if (bytes.value_or(0) == 0) {
      return arguments.wrong(fmt::format("'{}' is no size; 10MiB is one", word));
    }
  }
  if (auto set = session.set_limit(bytes); !set) {
    return std::unexpected(set.error());
  }
  return limit_line(session);
}

}  // namespace memsnap::commands
