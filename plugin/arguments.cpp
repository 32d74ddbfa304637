#include "plugin/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <numeric>
#include <ranges>

#include "core/formats/number.h"
#include "core/formats/size.h"

namespace memsnap {
namespace {

// Levenshtein's distance: letters to add, take away or change.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const auto changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::uint32_t number_for(const std::string& option, const std::string& word) {
  const auto number = parse_number<std::uint32_t>(word);
  if (!number) {
    throw CLI::ValidationError(fmt::format("'{}' is no number for {}", word, option));
  }
  return *number;
}

}  // namespace

struct Arguments::Parser {
  CLI::App app;
};

Arguments::Arguments(std::string_view command) : command_(command), parser_(std::make_unique<Parser>()) {
  parser_->app.set_help_flag();
  parser_->app.add_option("words", plain_)->expected(0, -1);
}

Arguments::~Arguments() = default;

void Arguments::flag(const std::string& name, bool& value) { parser_->app.add_flag(name, value); }
void Arguments::option(const std::string& name, const std::function<void(const std::string&)>& take) {
  parser_->app.add_option_function<std::string>(name, take)->take_last();
}
void Arguments::value(const std::string& name, std::uint32_t& value) {
  option(name, [name, &value](const std::string& word) { value = number_for(name, word); });
}
void Arguments::value(const std::string& name, std::optional<std::uint32_t>& value) {
  option(name, [name, &value](const std::string& word) { value = number_for(name, word); });
}
void Arguments::value(const std::string& name, std::string& value) {
  parser_->app.add_option(name, value)->take_last();
}

void Arguments::values(const std::string& name, std::vector<std::string>& values) {
  parser_->app.add_option(name, values)->allow_extra_args(false);
}
void Arguments::size(const std::string& name, std::optional<std::uint64_t>& value) {
  option(name, [name, &value](const std::string& word) {
    value = parse_size(word);
    if (!value) {
      throw CLI::ValidationError(fmt::format("'{}' is no size for {}; 10MiB is one", word, name));
    }
  });
}

std::unexpected<Error> Arguments::wrong(std::string_view what) const {
  return fail(Code::usage, fmt::format("{}; usage: {}", what, usage_line(*find_command(command_))));
}

Result<void> Arguments::parse(Words words) {
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    parser_->app.parse(reversed);  // CLI11 takes them from the back
  } catch (const CLI::ExtrasError&) {
    const auto extra = parser_->app.remaining();
    const auto& word = extra.empty() ? std::string() : extra.front();
    return wrong(word.starts_with('-') ? fmt::format("no option '{}'", word)
                                       : fmt::format("one word too many: '{}'", word));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();  // begins with the option's name and a colon
    return wrong(fmt::format("{} wants a value", what.substr(0, what.find(':'))));
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    std::ranges::replace(what, '\n', ' ');
    return wrong(what);
  }
  if (plain_.size() > most_words_) {
    return wrong(fmt::format("one word too many: '{}'", plain_[most_words_]));
  }
  return {};
}

void set_pattern(Filter& filter, const std::string& word) {
  const auto colon = word.rfind(':');
  const auto line = colon == std::string::npos ? std::nullopt : parse_number<std::uint32_t>(word.substr(colon + 1));
  if (line.value_or(0) > 0) {
    filter.pattern = word.substr(0, colon);
    filter.line = *line;
  } else {
    filter.pattern = word;
  }
}

Result<Filter> parse_call_site(const std::string& word) {
  Filter site;
  set_pattern(site, word);
  return site.pattern.empty() || site.line == 0
             ? fail(Code::usage, fmt::format("'{}' is no call site; file.cpp:8 is one", word))
             : Result<Filter>(std::move(site));
}

void TableOptions::declare(Arguments& arguments, bool with_cumulative) {
  arguments.value("--limit", limit);
  arguments.flag("--json", json);
  arguments.flag("--all", all);
  if (with_cumulative) {
    arguments.flag("--cumulative", cumulative);
  }
}

Result<TableWords> split_table_words(Session& session, const std::vector<std::string>& words) {
  TableWords split;
  if (words.empty()) {
    return split;
  }
  if (const auto key = parse_key(words.front())) {
    split.key = *key;
    split.snapshots.assign(words.begin() + 1, words.end());
    return split;
  }
  if (words.front() == "now" || session.snapshots().find(words.front())) {
    split.snapshots = words;
    return split;
  }
  // Neither: what it was meant to be is told by what it looks like.
  std::size_t nearest_snapshot = words.front().size();
  for (const auto& snapshot : session.snapshots().all()) {
    nearest_snapshot = std::min(nearest_snapshot, edit_distance(words.front(), snapshot->name));
  }
  const auto keys = key_completions();
  const auto nearest_key = std::ranges::min(
      keys | std::views::transform([&](const std::string& key) { return edit_distance(words.front(), key); }));
  if (nearest_snapshot < nearest_key) {
    return std::unexpected(session.snapshots().find(words.front()).error());
  }
  return fail(Code::usage, fmt::format("'{}' is no key; keys are {}", words.front(), key_words()));
}

std::vector<std::string> key_completions() {
  return {"lineno", "filename", "function", "traceback", "module", "domain", "thread", "type"};
}

std::vector<std::string> snapshot_completions(Session& session) {
  std::vector<std::string> words;
  for (const auto& snapshot : session.snapshots().all()) {
    words.push_back(snapshot->name);
  }
  words.emplace_back("now");
  return words;
}

}  // namespace memsnap
