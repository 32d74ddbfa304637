#include "core/symbols/symbolizer.h"

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "core/elf/elf_file.h"
#include "core/symbols/dwarf_scopes.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

namespace fs = std::filesystem;

const std::string kSources = MEMSNAP_CALL_SITES_SOURCES;

std::vector<std::string> variants() {
  std::istringstream names(MEMSNAP_CALL_SITES);
  return {std::istream_iterator<std::string>(names), {}};
}

std::string path_of(const std::string& variant) { return std::string(MEMSNAP_CALL_SITES_DIR) + "/" + variant; }

// The line that ends in this marker.
std::uint32_t line_of(const std::string& file, const std::string& marker) {
  std::ifstream input(file);
  std::string line;
  for (std::uint32_t number = 1; std::getline(input, line); ++number) {
    if (line.ends_with("// line: " + marker)) {
      return number;
    }
  }
  FAIL("no marker " << marker << " in " << file);
  return 0;
}

// What a program of call_sites.cpp reports: name to return address, as its file counts.
std::map<std::string, std::uint64_t> reported(const std::string& path) {
  const auto file = ElfFile::open(path);
  REQUIRE(file.has_value());
  std::map<std::string, std::uint64_t> result;
  auto* output = popen(("'" + path + "'").c_str(), "r");  // a folder may have a space in its name
  REQUIRE(output != nullptr);
  char name[64];
  unsigned long address = 0;
  while (std::fscanf(output, "%63s %lx", name, &address) == 2) {
    result[name] = address + file->first_page();
  }
  CHECK(pclose(output) == 0);
  CHECK(result.size() == 10);
  return result;
}

struct Expected {
  const char* function;
  const char* marker;
  const char* file = "call_sites.cpp";
};

// By reported name; innermost first.
const std::map<std::string, std::vector<Expected>> kExpected = {
    {"method", {{"shapes::Circle::outline(int)", "method"}}},
    {"inlined",
     {{"shapes::Circle::fill(int)", "inlined"},
      {"shapes::middle(shapes::Circle&)", "inlined-into-middle"},
      {"shapes::outer(shapes::Circle&, long)", "inlined-into-outer"}}},
    {"template",
     {{"void shapes::templated<shapes::Wrapped<shapes::Wrapped<int>>>(shapes::Wrapped<shapes::Wrapped<int>>)",
       "template"}}},
    {"anonymous", {{"(anonymous namespace)::hidden(char)", "anonymous"}}},
    // Not all compilers tell the parameters of what is neither visible nor there.
    {"anonymous-inlined",
     {{"(anonymous namespace)::hidden_inlined", "anonymous-inlined"}, {"main", "anonymous-inlined-into-main"}}},
    {"static", {{"local_to_file(int)", "static"}}},
    {"lambda", {{"main::", "lambda"}}},
    {"c", {{"in_plain_c", "c", "call_sites.c"}}},
    {"static-c", {{"static_in_c", "static-c", "call_sites.c"}}},
    {"main", {{"main", "main"}}},
};

// Names that differ between compilers are compared up to where they do.
bool is_function(const std::string& found, const std::string& expected) {
  return expected == "main::" || expected.ends_with("hidden_inlined") ? found.starts_with(expected) : found == expected;
}

void check_frames(const std::vector<Frame>& frames, const std::vector<Expected>& expected) {
  REQUIRE(frames.size() == expected.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    INFO("frame " << i << " " << frames[i].function);
    CHECK(is_function(frames[i].function, expected[i].function));
    const auto file = fs::path(kSources) / expected[i].file;
    CHECK(frames[i].file == file.string());
    CHECK(frames[i].line == line_of(file.string(), expected[i].marker));
    CHECK(frames[i].inlined == (i + 1 < frames.size()));
  }
}

bool has_debug_info(const std::string& variant) {
  return !variant.ends_with("-stripped") && !variant.ends_with("-symbols");
}

TEST_CASE("programs are symbolized however they were built and shipped", "[unit]") {
  REQUIRE_FALSE(variants().empty());
  for (const auto& variant : variants()) {
    if (!has_debug_info(variant)) {
      continue;
    }
    DYNAMIC_SECTION(variant) {
      ModuleTable modules;
      const auto path = path_of(variant);
      const auto id = modules.intern({path, "", ""});
      Symbolizer symbolizer(modules);
      for (const auto& [name, offset] : reported(path)) {
        INFO(name);
        const auto& frames = symbolizer.frames({id, offset});
        check_frames(frames, kExpected.at(name));
        for (const auto& frame : frames) {
          CHECK(frame.module == path);
          CHECK(frame.offset == offset);
          CHECK(frame.function_offset == frames.back().function_offset);
        }
        CHECK(frames.back().function_offset > 0);
        CHECK(frames.back().function_offset < 0x400);
      }
    }
  }
}

TEST_CASE("without debug information there are symbols, and without these module and offset", "[unit]") {
  for (const auto& variant : variants()) {
    if (has_debug_info(variant)) {
      continue;
    }
    DYNAMIC_SECTION(variant) {
      ModuleTable modules;
      const auto path = path_of(variant);
      const auto id = modules.intern({path, "", ""});
      Symbolizer symbolizer(modules);
      auto sites = reported(path);
      for (const auto& [name, offset] : sites) {
        INFO(name);
        const auto& frames = symbolizer.frames({id, offset});
        REQUIRE(frames.size() == 1);
        CHECK(frames[0].file.empty());
        CHECK_FALSE(frames[0].has_line());
        CHECK_FALSE(frames[0].inlined);
        CHECK(frames[0].module == path);
        CHECK(frames[0].offset == offset);
        CHECK(frames[0].function.empty() == variant.ends_with("-stripped"));
      }
      const auto& method = symbolizer.frames({id, sites["method"]}).front();
      if (variant.ends_with("-symbols")) {
        // A compiler may append which of its copies this is.
        CHECK(method.function.starts_with("shapes::Circle::outline(int)"));
        CHECK(method.function_offset > 0);
      } else {
        CHECK(method.function_offset == 0);
      }
    }
  }
}

TEST_CASE("the offset in a function counts from its symbol", "[unit]") {
  const auto path = path_of(variants().front());
  const auto file = ElfFile::open(path);
  REQUIRE(file.has_value());
  std::uint64_t begin = 0;
  file->for_each_function([&](const ElfSymbol& symbol) {
    if (symbol.name == "_ZN6shapes6Circle7outlineEi") {
      begin = symbol.value;
    }
  });
  ModuleTable modules;
  const auto id = modules.intern({path, "", ""});
  Symbolizer symbolizer(modules);
  const auto offset = reported(path)["method"];
  REQUIRE(begin != 0);
  CHECK(symbolizer.frames({id, offset}).front().function_offset == offset - begin);
  // A return address behind the last instruction still belongs to the call.
  CHECK(symbolizer.frames({id, begin + 1}).front().function == "shapes::Circle::outline(int)");
  CHECK(symbolizer.frames({id, begin}).front().function != "shapes::Circle::outline(int)");
}

TEST_CASE("code in no module is a frame of its address only", "[unit]") {
  ModuleTable modules;
  Symbolizer symbolizer(modules);
  const auto& frames = symbolizer.frames({ModuleId::none, 0x7000});
  REQUIRE(frames.size() == 1);
  Frame expected;
  expected.offset = 0x7000;
  CHECK(frames[0] == expected);
}

TEST_CASE("a module whose file is gone or was rebuilt keeps its name", "[unit]") {
  ModuleTable modules;
  const auto path = path_of(variants().front());
  const auto gone = modules.intern({"/nonexistent/program", "", ""});
  const auto rebuilt = modules.intern({path, "00ff", ""});
  Symbolizer symbolizer(modules);
  const auto offset = reported(path)["main"];
  for (const auto id : {gone, rebuilt}) {
    const auto& frames = symbolizer.frames({id, offset});
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].function.empty());
    CHECK(frames[0].line == 0);
    CHECK(frames[0].module == modules.get(id).path);
    CHECK(frames[0].offset == offset);
  }
}

TEST_CASE("the same place is answered from memory", "[unit]") {
  ModuleTable modules;
  const auto id = modules.intern({path_of(variants().front()), "", ""});
  Symbolizer symbolizer(modules);
  const auto& first = symbolizer.frames({id, 0x1234});
  for (std::uint64_t i = 0; i < 1000; ++i) {
    symbolizer.frames({id, i});
  }
  CHECK(&symbolizer.frames({id, 0x1234}) == &first);
}

TEST_CASE("debug files are looked for where the session says", "[unit]") {
  // Away from its debug file, which was linked beside it.
  auto pattern = (fs::temp_directory_path() / "memsnap-symbolizer-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  const fs::path folder = pattern;
  for (const std::string variant : {"gcc-separate", "clang-separate"}) {
    if (!fs::exists(path_of(variant))) {
      continue;
    }
    const auto copy = folder / variant;
    fs::copy_file(path_of(variant), copy);
    const auto offset = reported(copy.string())["method"];
    const auto file = ElfFile::open(copy.string());
    REQUIRE(file.has_value());
    const auto id = file->build_id();
    REQUIRE(id.size() > 2);

    ModuleTable modules;
    const auto alone = modules.intern({copy.string(), id, ""});
    Symbolizer nowhere(modules);
    CHECK(nowhere.frames({alone, offset}).front().function.empty());

    const auto place = folder / "debug/.build-id" / id.substr(0, 2) / (id.substr(2) + ".debug");
    fs::create_directories(place.parent_path());
    fs::copy_file(path_of(variant) + ".debug", place);
    Symbolizer symbolizer(modules);
    symbolizer.set_debug_directories({(folder / "debug").string()});
    check_frames(symbolizer.frames({alone, offset}), kExpected.at("method"));

    ModuleTable told;
    const auto with_file = told.intern({copy.string(), id, path_of(variant) + ".debug"});
    Symbolizer debugger_knows(told);
    check_frames(debugger_knows.frames({with_file, offset}), kExpected.at("method"));
  }
  fs::remove_all(folder);
}

TEST_CASE("no damaged debug information is a crash", "[unit]") {
  unsigned random = 1;
  const auto next = [&](std::size_t limit) {
    random = random * 1664525 + 1013904223;
    return static_cast<std::size_t>(random) % limit;
  };
  for (const auto& variant : variants()) {
    // Large files would be damaged in what nobody reads.
    if (!has_debug_info(variant) || fs::file_size(path_of(variant)) > 200'000) {
      continue;
    }
    const auto sites = reported(path_of(variant));
    std::ifstream input(path_of(variant), std::ios::binary);
    const std::string image(std::istreambuf_iterator<char>(input), {});
    for (int round = 0; round < 100; ++round) {
      auto damaged = image;
      for (std::size_t i = 0; i < 1 + next(20); ++i) {
        damaged[next(damaged.size())] = static_cast<char>(next(256));
      }
      const auto file = ElfFile::from_bytes(damaged);
      if (!file) {
        continue;
      }
      if (auto scopes = DwarfScopes::open(*file)) {
        for (const auto& [name, offset] : sites) {
          scopes->find(offset - 1, "");
        }
      }
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace memsnap
