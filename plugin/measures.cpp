#include "plugin/measures.h"

#include <fmt/format.h>

#include <string>

#include "plugin/arguments.h"
#include "plugin/commands/table.h"

namespace memsnap {
namespace {

Result<std::uint64_t> total(Session& session, std::uint64_t Totals::*which) {
  const auto engine = session.engine();
  const auto all = engine ? (*engine)->totals() : std::unexpected(engine.error());
  return all ? Result<std::uint64_t>(*all.*which) : std::unexpected(all.error());
}

}  // namespace

Result<std::uint64_t> live_size(Session& session) { return total(session, &Totals::size); }

Result<std::uint64_t> live_count(Session& session) { return total(session, &Totals::count); }

Result<std::uint64_t> peak_size(Session& session) { return total(session, &Totals::peak); }

Result<std::uint64_t> live_size_at(Session& session, std::string_view site) {
  const auto wanted = parse_call_site(std::string(site));
  if (!wanted) {
    return std::unexpected(wanted.error());
  }
  const auto now = session.find_snapshot("now");
  if (!now) {
    return std::unexpected(now.error());
  }
  Progress progress(session.debugger(), "reading symbols");
  auto grouping = commands::grouping_of(session, Key::lineno, false, progress);
  grouping.filters = std::span(&*wanted, 1);
  const auto ranking = statistics(**now, grouping, session.blame());
  return ranking ? Result<std::uint64_t>(ranking->total.size) : std::unexpected(ranking.error());
}

}  // namespace memsnap
