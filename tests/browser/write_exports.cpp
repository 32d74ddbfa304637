// Writes what the browser's tests look at: exports of made-up snapshots, by the library alone, with names that no page
// may take for its own markup.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>

#include "core/formats/export_json.h"
#include "core/formats/folded.h"
#include "core/formats/html.h"
#include "core/formats/size.h"
#include "core/formats/speedscope.h"
#include "tests/unit/snapshot_files.h"

namespace memsnap {
namespace {

void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) {
    throw std::runtime_error("cannot write " + path);
  }
}

void write_all(const std::string& stem, const SnapshotFile& file) {
  const HideRules rules;
  const auto paths = make_paths(file);
  const auto html = to_html(file, paths, rules);
  if (!html) {
    throw std::runtime_error(html.error().message);
  }
  write(stem + ".html", *html);
  write(stem + ".json", to_export_json(file, rules));
  write(stem + ".speedscope.json", to_speedscope(file, paths));
  write(stem + ".folded", to_folded(paths, file.older.has_value()));
}

// A snapshot whose stacks have their outer frames in common, as a program's do.
SnapshotFile make_snapshot(std::size_t stacks, std::size_t depth) {
  auto file = test::make_snapshot_file(stacks, depth);
  std::mt19937 random(2);
  for (auto& stack : file.stacks) {
    std::uint32_t place = 0;
    for (auto& inner : stack.places | std::views::reverse) {
      // The first of three callees, in one module, is the likeliest.
      const auto callee = std::min(random() % 3, random() % 3);
      place = static_cast<std::uint32_t>(((place + callee) * 3 + place % 5 % 3) % file.places.size());
      inner = place;
    }
  }
  return file;
}

SnapshotFile hostile_snapshot(std::size_t stacks) {
  auto file = make_snapshot(stacks, 8);
  // Functions with several lines each.
  for (std::size_t i = 0; i < file.places.size(); ++i) {
    for (auto& frame : file.places[i].frames) {
      frame.function = frame.has_line() ? "function" + std::to_string(i / 9) + "(int)" : frame.function;
    }
  }
  file.snapshot.name = "after </title><script>document.title='taken over'</script> & \"more\"";
  std::size_t number = 0;
  for (auto& place : file.places) {
    for (auto& frame : place.frames) {
      if (frame.has_line() && ++number % 5 == 0) {
        frame.function = "std::map<int, </script><img src=x onerror=alert(1)>>::find(int) const; " + frame.function;
      }
    }
  }
  return file;
}

// An older snapshot, of which some blocks are gone and some are more now.
void add_older(SnapshotFile& file) {
  auto older = file.snapshot;
  older.name = "before";
  older.size = 0;
  older.count = 0;
  std::size_t number = 0;
  for (auto& live : older.counts) {
    const auto turn = number++ % 3;
    live.size = turn == 0 ? live.size / 2 : turn == 1 ? live.size * 2 : live.size;
    live.count = turn == 1 ? live.count + 3 : live.count;
    older.size += live.size;
    older.count += live.count;
  }
  file.older = std::move(older);
}

// How sizes are written, for the page's own way of it to be compared with.
void write_sizes(const std::string& path) {
  auto sizes = nlohmann::json::array();
  for (std::uint64_t size = 0; size < std::uint64_t{1} << 52; size = size * 3 / 2 + 7) {
    sizes.push_back({size, format_size(size)});
  }
  write(path, sizes.dump());
}

void run(const std::string& folder) {
  write_sizes(folder + "/sizes.json");
  auto file = hostile_snapshot(300);
  write_all(folder + "/snapshot", file);
  add_older(file);
  write_all(folder + "/difference", file);
  SnapshotFile nothing;
  nothing.snapshot.name = "1";
  write_all(folder + "/nothing", nothing);
  write_all(folder + "/large", make_snapshot(20000, 40));
}

}  // namespace
}  // namespace memsnap

int main(int argc, char** argv) {
  try {
    memsnap::run(argc > 1 ? argv[1] : ".");
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
  }
}
