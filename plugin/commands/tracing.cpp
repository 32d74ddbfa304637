#include <fmt/format.h>

#include "core/formats/number.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {

Result<std::string> start(Session& session, Words words) {
  Arguments arguments("start");
  arguments.allow_words(1);
  StartOptions options;
  std::optional<std::uint32_t> history;
  arguments.value("--engine", options.engine);
  arguments.value("--history", history);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  options.history = history.value_or(0);
  if (history && (*history < 1 || *history > StartOptions::kMostHistory)) {
    return fail(Code::usage, fmt::format("'{}' is no number of freed blocks; --history takes 1 to {}", *history,
                                         StartOptions::kMostHistory));
  }
  if (auto known = check_engine(options.engine); !known) {
    return std::unexpected(known.error());
  }
  if (!arguments.words().empty()) {
    const auto& word = arguments.words().front();
    options.frames = parse_number<std::uint32_t>(word).value_or(0);
    if (options.frames < 1 || options.frames > StartOptions::kMostFrames) {
      return fail(Code::usage,
                  fmt::format("'{}' is no number of frames; NFRAMES is 1 to {}", word, StartOptions::kMostFrames));
    }
  }
  return session.start(options);
}

Result<std::string> stop(Session& session, Words words) {
  if (auto parsed = Arguments("stop").parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  if (auto stopped = session.stop(); !stopped) {
    return std::unexpected(stopped.error());
  }
  return "memsnap: stopped\n";
}

Result<std::string> clear(Session& session, Words words) {
  if (auto parsed = Arguments("clear").parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto engine = session.engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  if (auto cleared = (*engine)->clear(); !cleared) {
    return std::unexpected(cleared.error());
  }
  return "memsnap: cleared\n";
}

Result<std::string> reset_peak(Session& session, Words words) {
  if (auto parsed = Arguments("reset-peak").parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto engine = session.engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  if (auto reset = (*engine)->reset_peak(); !reset) {
    return std::unexpected(reset.error());
  }
  return "";
}

}  // namespace memsnap::commands
