#include "plugin/around.h"

#include <fmt/format.h>

#include <utility>

#include "plugin/call_watch.h"
#include "plugin/commands/table.h"
#include "plugin/core_engine.h"

namespace memsnap {
namespace {

std::string end_text(CallEnd end) {
  switch (end) {
    case CallEnd::returned:
      return "returned";
    case CallEnd::exception:
      return "left by an exception";
    case CallEnd::jump:
      return "left by a longjmp";
    case CallEnd::thread:
      return "did not return, its thread ends";
    case CallEnd::process:
      return "did not return, the process has ended";
    case CallEnd::program:
      return "did not return, the process runs another program now";
  }
  return {};
}

constexpr std::string_view kGoOn = "'memsnap around --continue' goes on";

}  // namespace

Result<std::string> Around::begin(AroundOptions options) {
  if (is_running_) {
    return fail(Code::usage, fmt::format("around {} is under way", options_.function));
  }
  if (const auto engine = session_.engine(); !engine) {
    return std::unexpected(engine.error());
  }
  const auto state = session_.debugger().state();
  if (state == InferiorState::core) {
    return cannot_be_traced();
  }
  if (state != InferiorState::stopped) {
    return fail(Code::no_process, "no process; run the program first, up to where 'memsnap around' is to begin");
  }
  // What cannot be printed in the end is better told now.
  Progress progress(session_.debugger(), "reading symbols");
  const auto rows = commands::grouping_of(session_, options.key, options.table.cumulative, progress);
  if (auto possible = differences({}, {}, rows, session_.blame()); !possible) {
    return std::unexpected(possible.error());
  }
  if (auto waiting = session_.call_watch().wait(options.function); !waiting) {
    return std::unexpected(waiting.error());
  }
  const auto given_up = is_open_ ? fmt::format("memsnap: around {} is given up\n", options_.function) : std::string();
  options_ = std::move(options);
  is_open_ = true;
  before_.reset();
  after_.reset();
  last_.reset();
  done_ = 0;
  left_ = 0;
  grown_.clear();
  auto output = run();
  return output ? given_up + *output : output;
}

Result<std::string> Around::go_on() {
  if (is_running_) {
    return fail(Code::usage, fmt::format("around {} is under way", options_.function));
  }
  if (!is_open_) {
    return fail(Code::usage, "there is nothing to go on with; 'memsnap around FUNCTION' begins");
  }
  const bool has_ended = session_.call_watch().stage() == CallWatch::Stage::ended;
  if (!has_ended && session_.debugger().state() != InferiorState::stopped) {
    close();
    return fail(Code::no_process, fmt::format("no process; around {} is over", options_.function));
  }
  return run();
}

void Around::new_process() {
  if (!is_running_) {
    close();
  }
}

void Around::close() {
  session_.call_watch().cancel();
  is_open_ = false;
}

Result<std::string> Around::run() {
  is_running_ = true;
  std::string text;
  auto output = run_calls(text);
  is_running_ = false;
  if (!output) {
    close();
  }
  return output;
}

Result<std::string> Around::run_calls(std::string& text) {
  using Stage = CallWatch::Stage;
  auto& watch = session_.call_watch();
  auto standing = Standing::memsnap;
  for (;;) {
    if (watch.stage() == Stage::ended) {
      const auto is_last = end_call(text);
      if (!is_last) {
        return std::unexpected(is_last.error());
      }
      if (*is_last) {
        if (standing == Standing::memsnap) {
          session_.debugger().show_stop();
        }
        return finish(text);
      }
      watch.cancel();
      if (standing == Standing::user) {
        return text + stopped_line();
      }
    }
    if (watch.stage() == Stage::idle) {
      if (auto waiting = watch.wait(options_.function); !waiting) {
        return std::unexpected(waiting.error());
      }
    }
    const auto stage = watch.stage();
    const auto ran = session_.run_on();
    if (!ran) {
      return std::unexpected(ran.error());
    }
    standing = *ran;
    if (session_.tracing() != Tracing::yes && standing != Standing::gone) {
      close();
      return text + fmt::format("memsnap: around {} is given up, as tracing was stopped\n", options_.function);
    }
    if (watch.stage() == Stage::ended) {
      continue;
    }
    if (standing == Standing::gone) {
      return finish_short(text);
    }
    if (watch.is_at_entry()) {
      if (!options_.repeat) {
        const auto taken = session_.take({});
        if (!taken) {
          return std::unexpected(taken.error());
        }
        before_ = *taken;
        text += fmt::format("memsnap: {} entered\n", options_.function);
      }
      if (auto followed = watch.follow(); !followed) {
        return std::unexpected(followed.error());
      }
    } else if (standing == Standing::memsnap && watch.stage() == stage) {
      session_.debugger().show_stop();  // another of memsnap's stops, which is for the user
      standing = Standing::user;
    }
    if (standing == Standing::user || watch.stage() == Stage::entered) {
      watch.pause();
      return text + stopped_line();
    }
  }
}

Result<bool> Around::end_call(std::string& text) {
  if (!options_.repeat) {
    return end_single(text);
  }
  const auto end = session_.call_watch().end();
  if (end == CallEnd::process || end == CallEnd::program) {
    text += fmt::format("memsnap: {} {}\n", options_.function, end_text(end));
    return true;
  }
  if (!before_) {
    const auto taken = session_.take({});
    if (!taken) {
      return std::unexpected(taken.error());
    }
    before_ = *taken;
    last_ = before_;
    return false;
  }
  ++done_;
  left_ += end == CallEnd::returned ? 0 : 1;
  const bool is_last = done_ == *options_.repeat;
  const auto now = is_last ? session_.take({}) : session_.find_snapshot("now");
  if (!now) {
    return std::unexpected(now.error());
  }
  if (is_last) {
    after_ = *now;
  }
  if (auto compared = compare_with_last(*now); !compared) {
    return std::unexpected(compared.error());
  }
  return is_last;
}

Result<bool> Around::end_single(std::string& text) {
  const auto end = session_.call_watch().end();
  text += fmt::format("memsnap: {} {}\n", options_.function, end_text(end));
  if (end == CallEnd::program || !before_) {
    return true;
  }
  const auto taken = session_.take({});
  if (!taken && end == CallEnd::process) {
    text += fmt::format("memsnap: what it changed is not known: {}\n", taken.error().message);
    return true;
  }
  if (!taken) {
    return std::unexpected(taken.error());
  }
  after_ = *taken;
  return true;
}

Grouping Around::grouping(Progress& progress) {
  return commands::grouping_of(session_, options_.key, options_.table.cumulative, progress);
}

Result<void> Around::compare_with_last(SnapshotPtr now) {
  Progress progress(session_.debugger(), "reading symbols");
  const auto rows = differences(*last_, *now, grouping(progress), session_.blame());
  if (!rows) {
    return std::unexpected(rows.error());
  }
  for (const auto& row : rows->rows) {
    if (row.size_diff > 0 || (row.size_diff == 0 && row.count_diff > 0)) {
      ++grown_[row.group];
    }
  }
  last_ = std::move(now);
  return {};
}

Result<std::string> Around::finish(const std::string& text) {
  close();
  if (!options_.repeat && (!before_ || !after_)) {
    return text;
  }
  if (options_.repeat && done_ == 0) {
    if (before_) {
      static_cast<void>(session_.snapshots().remove(before_->name));  // half of what 'check' would take for a result
    }
    return fail(Code::no_process, fmt::format("the process ended before {} had been called twice", options_.function));
  }
  if (!after_) {
    // It ended in a call that will not be complete: up to the last one that was.
    auto snapshot = *last_;
    snapshot.name.clear();
    after_ = session_.snapshots().add(std::move(snapshot));
  }
  Progress progress(session_.debugger(), "reading symbols");
  const auto rows = grouping(progress);
  auto ranking = differences(*before_, *after_, rows, session_.blame());
  if (!ranking) {
    return std::unexpected(ranking.error());
  }
  auto table = make_table(*before_, *after_, rows, std::move(*ranking));
  auto line = text;
  if (options_.repeat) {
    table.calls = done_;
    for (const auto& row : table.rows) {
      const auto grown = grown_.find(row.group);
      table.grown_calls.push_back(grown == grown_.end() ? 0 : grown->second);
    }
    line += fmt::format("memsnap: {} of {} after one to warm up{}\n", calls_done(), options_.function,
                        left_ == 0 ? std::string() : fmt::format("; {} did not return", left_));
  }
  return line + commands::show_table(session_, std::move(table), options_.table);
}

// The process has ended outside of any call.
Result<std::string> Around::finish_short(const std::string& text) {
  if (!options_.repeat) {
    return fail(Code::no_process, fmt::format("the process ended, and {} was not entered", options_.function));
  }
  return finish(text);
}

// `10 calls`, or `3 of 10 calls`.
std::string Around::calls_done() const {
  return done_ == *options_.repeat ? fmt::format("{} call{}", done_, done_ == 1 ? "" : "s")
                                   : fmt::format("{} of {} calls", done_, *options_.repeat);
}

std::string Around::stopped_line() const {
  const bool is_inside = session_.call_watch().stage() == CallWatch::Stage::inside;
  return fmt::format("memsnap: stopped {} {}{}{}; {}\n", is_inside ? "inside" : "before", options_.function,
                     is_inside ? "" : " was entered", options_.repeat ? fmt::format(", after {}", calls_done()) : "",
                     kGoOn);
}

}  // namespace memsnap
