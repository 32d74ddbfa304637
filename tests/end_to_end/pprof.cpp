#include "tests/end_to_end/pprof.h"

#include "tests/catch.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/text.h"

namespace memsnap::test {

std::string pprof(std::vector<std::string> words) {
  words.insert(words.begin(), {"go", "tool", "pprof", "-symbolize=none"});
  const auto printed = run_program(words);
  INFO(join(words, " "));
  INFO(printed.error);
  CHECK(printed.exit_code == 0);
  return printed.output;
}

std::map<std::string, std::int64_t> pprof_top(const std::string& sample_type, std::vector<std::string> words) {
  words.insert(words.begin(), {"-top", "-nodefraction=0", "-nodecount=0", "-unit=B", "-sample_index=" + sample_type});
  std::map<std::string, std::int64_t> sums;
  bool in_table = false;
  const auto printed = pprof(words);
  for (const auto line : lines_of(printed)) {
    const auto total = line.find(" of ");
    if (line.starts_with("Showing nodes")) {
      sums[""] = std::stoll(std::string(line.substr(total + 4)));
    } else if (in_table) {
      // flat flat% sum% cum cum% name
      std::size_t at = 0;
      std::vector<std::string> columns;
      while (columns.size() < 5) {
        at = line.find_first_not_of(' ', at);
        const auto end = line.find(' ', at);
        columns.emplace_back(line.substr(at, end - at));
        at = end;
      }
      auto name = std::string(line.substr(line.find_first_not_of(' ', at)));
      for (const std::string mark : {" (inline)", " (partial-inline)"}) {
        name = name.ends_with(mark) ? name.substr(0, name.size() - mark.size()) : name;
      }
      sums[name] = std::stoll(columns[3]);
    }
    in_table = in_table || line.find("flat%") != std::string_view::npos;
  }
  return sums;
}

}  // namespace memsnap::test
