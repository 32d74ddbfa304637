#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/trace/key.h"
#include "plugin/command.h"

namespace memsnap {

/// The arguments of one command call: CLI11's parser, with its complaints turned into one line of ours.
class Arguments {
 public:
  /// `command` is its name in the command table, for messages.
  explicit Arguments(std::string_view command);
  ~Arguments();
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  /// Declares an option (`--json`) that is there or not. The variables given here must outlive parse.
  void flag(const std::string& name, bool& value);
  /// Declares an option with a value (`--limit 5`, `--limit=5`).
  void value(const std::string& name, std::uint32_t& value);
  void value(const std::string& name, std::optional<std::uint32_t>& value);
  void value(const std::string& name, std::string& value);
  /// Declares one that may come several times.
  void values(const std::string& name, std::vector<std::string>& values);
  /// Declares one whose value is a size, see parse_size.
  void size(const std::string& name, std::optional<std::uint64_t>& value);
  /// Declares that up to `count` plain words may come; they are in words() after parse.
  void allow_words(std::size_t count) { most_words_ = count; }
  const std::vector<std::string>& words() const { return plain_; }

  /// Code::usage with the command's usage where the words do not fit.
  Result<void> parse(Words words);
  /// The failure for words that do not fit.
  std::unexpected<Error> wrong(std::string_view what) const;

 private:
  void option(const std::string& name, const std::function<void(const std::string&)>& take);

  struct Parser;  // CLI11's headers take seconds to compile; only arguments.cpp pays for them
  std::string_view command_;
  std::unique_ptr<Parser> parser_;
  std::size_t most_words_ = 0;
  std::vector<std::string> plain_;
};

/// Takes `PATTERN` or `PATTERN:LINE` for a filter; a colon that no number follows belongs to the pattern.
void set_pattern(Filter& filter, const std::string& word);

/// Takes `FILE:LINE`, FILE a glob on the whole path or its last part. Code::usage for another form.
Result<Filter> parse_call_site(const std::string& word);

/// The options of everything that prints a table.
struct TableOptions {
  std::uint32_t limit = 10;
  bool json = false;
  bool all = false;
  bool cumulative = false;

  /// Declares --limit, --json, --all; --cumulative where `with_cumulative`.
  void declare(Arguments& arguments, bool with_cumulative);
};

/// A key and the snapshots' words after it, from the plain words of `stats` or `diff`.
struct TableWords {
  Key key = Key::lineno;
  std::vector<std::string> snapshots;
};

/// Splits `[KEY] [SNAP...]`: the key may be left out. A first word that is neither a key nor a snapshot is an error:
/// `'lineo' is no key` where it is the only word, or a wrong snapshot name where a snapshot stands in the key's place.
Result<TableWords> split_table_words(Session& session, const std::vector<std::string>& words);

/// Completion words: keys, or snapshot names and `now`.
std::vector<std::string> key_completions();
std::vector<std::string> snapshot_completions(Session& session);

}  // namespace memsnap
