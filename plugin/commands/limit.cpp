#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/formats/size.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/measures.h"

namespace memsnap::commands {
namespace {

// A limit that is passed already in this process is left alone until what is live has been within it.
std::string limit_lines(Session& session) {
  const bool is_traced = session.engine_or_null() != nullptr && session.tracing() == Tracing::yes;
  const auto past = [&](const Result<std::uint64_t>& size, std::uint64_t limit, std::string_view what) {
    return size.value_or(0) > limit ? fmt::format("; {} {} is past it", what, format_size(*size)) : std::string();
  };
  std::string text;
  if (const auto limit = session.limit()) {
    text += fmt::format("memsnap: limit {}{}\n", format_size(*limit),
                        is_traced ? past(live_size(session), *limit, "traced size") : "");
  }
  if (const auto& limit = session.site_limit()) {
    text += fmt::format("memsnap: limit {} of {}{}\n", format_size(limit->bytes), limit->name,
                        is_traced ? past(live_size_at(session, limit->name), limit->bytes, "size") : "");
  }
  return text.empty() ? "memsnap: no limit\n" : text;
}

Result<void> set_limit(Session& session, const std::string& site, std::optional<std::uint64_t> bytes) {
  if (site.empty()) {
    auto set = session.set_limit(bytes);
    return set && !bytes ? session.set_site_limit(std::nullopt) : set;
  }
  auto call_site = parse_call_site(site);
  if (!call_site) {
    return std::unexpected(std::move(call_site.error()));
  }
  return session.set_site_limit(bytes ? std::optional(CallSiteLimit{site, std::move(*call_site), *bytes})
                                      : std::nullopt);
}

}  // namespace

Result<std::string> limit(Session& session, Words words) {
  Arguments arguments("limit");
  bool is_peak = false;
  std::string site;
  arguments.flag("--peak", is_peak);
  arguments.value("--site", site);
  arguments.allow_words(2);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto word = fmt::format("{}", fmt::join(arguments.words(), " "));  // `10 MiB` are two
  if (word.empty() && !site.empty()) {
    return arguments.wrong("--site needs a size");
  }
  if (word.empty() && !is_peak) {
    return limit_lines(session);
  }
  if (!word.empty() && is_peak) {
    return arguments.wrong("--peak or a size, not both");
  }
  std::optional<std::uint64_t> bytes;
  if (is_peak) {
    const auto peak = peak_size(session);
    if (!peak) {
      return std::unexpected(peak.error());
    }
    bytes = *peak;
  } else if (word != "off") {
    bytes = parse_size(word);
    if (bytes.value_or(0) == 0) {
      return arguments.wrong(fmt::format("'{}' is no size; 10MiB is one", word));
    }
  }
  if (auto set = set_limit(session, site, bytes); !set) {
    return std::unexpected(set.error());
  }
  return limit_lines(session);
}

}  // namespace memsnap::commands
