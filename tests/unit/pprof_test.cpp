#include <protozero/pbf_writer.hpp>

#include <random>

#include "core/formats/gzip.h"
#include "core/formats/pprof_reader.h"
#include "core/formats/pprof_writer.h"
#include "tests/catch.h"
#include "tests/unit/snapshot_files.h"

namespace memsnap {
namespace {

using protozero::pbf_writer;
using test::make_snapshot_file;

// What stands for the numbers of a file's tables: two files may number them differently.
std::vector<std::string> lines_of(const SnapshotFile& file) {
  std::vector<std::string> lines;
  const auto stack_of = [&](TracebackId id) {
    const auto& stack = file.stacks.at(static_cast<std::size_t>(id));
    auto line = " end " + std::to_string(static_cast<int>(stack.end)) + " " + std::to_string(stack.stopped_at.value);
    for (const auto number : stack.places) {
      const auto& place = file.places.at(number);
      line += "\n  " + (place.module == SnapshotFile::kNoModule ? "none" : file.modules.at(place.module).build_id);
      for (const auto& frame : place.frames) {
        line += "\n   " + frame.file + ":" + std::to_string(frame.line) + " " + frame.function + "+" +
                std::to_string(frame.function_offset) + " " + frame.module + " " + std::to_string(frame.offset) +
                (frame.inlined ? " inlined" : "");
      }
    }
    return line;
  };
  const auto numbers = [](std::initializer_list<std::uint64_t> all) {
    std::string text;
    for (const auto number : all) {
      text += " " + std::to_string(number);
    }
    return text;
  };
  for (const auto& live : file.snapshot.counts) {
    lines.push_back(file.domains.at(static_cast<std::size_t>(live.origin.domain)) + ", " +
                    file.threads.at(static_cast<std::size_t>(live.origin.thread)) +
                    numbers({live.size, live.count, live.allocated, live.allocations}) +
                    stack_of(live.origin.traceback));
  }
  for (const auto& freed : file.snapshot.freed) {
    lines.push_back(file.domains.at(static_cast<std::size_t>(freed.domain)) +
                    numbers({freed.allocated, freed.allocations}) + stack_of(freed.traceback));
  }
  return lines;
}

std::string message(const Result<SnapshotFile>& file) { return file ? "none" : file.error().message; }

// Whatever a file holds, what was made of it points nowhere else.
void check_sound(const SnapshotFile& file) {
  static_cast<void>(lines_of(file));
  for (const auto& place : file.places) {
    REQUIRE_FALSE(place.frames.empty());
  }
}

TEST_CASE("What is written as a pprof profile is read back", "[unit]") {
  for (const std::size_t stacks : {0U, 1U, 2U, 100U}) {
    const auto file = make_snapshot_file(stacks);
    const auto read = parse_pprof(to_pprof(file));
    REQUIRE(message(read) == "none");
    CHECK(lines_of(*read) == lines_of(file));
    CHECK(read->snapshot.name == file.snapshot.name);
    CHECK(read->snapshot.size == file.snapshot.size);
    CHECK(read->snapshot.count == file.snapshot.count);
    CHECK(read->snapshot.peak == file.snapshot.peak);
    CHECK(read->snapshot.engine == "recorder");
    CHECK(read->snapshot.frames == 32);
    CHECK(read->snapshot.since_start_only);
    CHECK(read->modules == file.modules);
  }
}

TEST_CASE("The same snapshot gives the same bytes, also after it was read back", "[unit]") {
  const auto bytes = to_pprof(make_snapshot_file(50));
  CHECK(to_pprof(make_snapshot_file(50)) == bytes);
  CHECK(to_pprof(parse_pprof(bytes).value()) == bytes);
}

// A profile as another program writes it: plain fields of profile.proto, in an order of its own.
struct Foreign {
  void value_type(const std::string& type, const std::string& unit) {
    pbf_writer message(profile, 1);
    message.add_int64(1, text(type));
    message.add_int64(2, text(unit));
  }
  void mapping(std::uint64_t id, std::uint64_t start, std::uint64_t offset, const std::string& file) {
    pbf_writer message(profile, 3);
    message.add_uint64(1, id);
    message.add_uint64(2, start);
    message.add_uint64(3, start + 0x10000);
    message.add_uint64(4, offset);
    message.add_int64(5, text(file));
  }
  void function(std::uint64_t id, const std::string& name, const std::string& file) {
    pbf_writer message(profile, 5);
    message.add_uint64(1, id);
    message.add_int64(2, text(name));
    message.add_int64(4, text(file));
  }
  void location(std::uint64_t id, std::uint64_t mapping, std::uint64_t address, std::uint64_t function_id,
                std::int64_t line) {
    pbf_writer message(profile, 4);
    message.add_uint64(1, id);
    message.add_uint64(2, mapping);
    message.add_uint64(3, address);
    if (function_id != 0) {
      pbf_writer inner(message, 4);
      inner.add_uint64(1, function_id);
      inner.add_int64(2, line);
    }
  }
  // Numbers that are not packed, as some encoders write them.
  void sample(const std::vector<std::uint64_t>& locations, const std::vector<std::int64_t>& values) {
    pbf_writer message(profile, 2);
    for (const auto id : locations) {
      message.add_uint64(1, id);
    }
    for (const auto value : values) {
      message.add_int64(2, value);
    }
  }
  std::int64_t text(const std::string& string) {
    strings.push_back(string);
    return static_cast<std::int64_t>(strings.size() - 1);
  }
  std::string file() {
    for (const auto& string : strings) {
      profile.add_string(6, string);
    }
    return gzip(bytes);
  }

  std::string bytes;
  pbf_writer profile{bytes};
  std::vector<std::string> strings = {""};
};

TEST_CASE("Another program's profile of memory is read", "[unit]") {
  Foreign foreign;
  foreign.value_type("alloc_objects", "count");
  foreign.value_type("alloc_space", "bytes");
  foreign.value_type("inuse_objects", "count");
  foreign.value_type("inuse_space", "bytes");
  foreign.sample({900, 7}, {50, 5000, 2, 200});
  foreign.sample({7}, {3, 30, 0, 0});
  foreign.sample({7}, {0, 0, 0, 0});
  foreign.location(900, 4, 0x401000, 70, 12);
  foreign.location(7, 4, 0x402000, 0, 0);
  foreign.mapping(4, 0x400000, 0x100, "/bin/server");
  foreign.function(70, "main.work", "/src/main.go");
  const auto read = parse_pprof(foreign.file());
  REQUIRE(message(read) == "none");
  CHECK(read->snapshot.name.empty());
  CHECK(read->snapshot.size == 200);
  CHECK(read->snapshot.count == 2);
  CHECK(read->snapshot.peak == 200);
  CHECK(lines_of(*read) ==
        std::vector<std::string>{"<unknown>, <unknown> 200 2 5000 50 end 0 0\n  \n   /src/main.go:12 main.work+0 "
                                 "/bin/server 4353\n  \n   :0 +0 /bin/server 8449",
                                 "<unknown> 30 3 end 0 0\n  \n   :0 +0 /bin/server 8449"});
}

TEST_CASE("No name of a file is a command to a terminal", "[unit]") {
  Foreign foreign;
  foreign.value_type("inuse_objects", "count");
  foreign.value_type("inuse_space", "bytes");
  foreign.sample({1}, {1, 10});
  foreign.location(1, 1, 0x1000, 1, 3);
  foreign.mapping(1, 0, 0x10000, "/lib/a\x7f.so");
  foreign.function(1,
                   "\x1b[2J\nf\xc2\x9b"
                   "1m",
                   "/s\r\t\xc3\xa9.c");
  const auto read = parse_pprof(foreign.file());
  REQUIRE(message(read) == "none");
  const auto& frame = read->places.at(0).frames.at(0);
  CHECK(frame.function == "?[2J?f?1m");
  CHECK(frame.file == "/s??\xc3\xa9.c");
  CHECK(frame.module == "/lib/a?.so");
}

TEST_CASE("Any pair of bytes and blocks will do, and what has none is told", "[unit]") {
  Foreign pair;
  pair.value_type("space", "bytes");
  pair.value_type("objects", "count");
  pair.sample({}, {70, 2});
  CHECK(parse_pprof(pair.file())->snapshot.size == 70);
  Foreign processor;
  processor.value_type("samples", "count");
  processor.value_type("cpu", "nanoseconds");
  CHECK(message(parse_pprof(processor.file())) == "no profile of memory: it has no sample types in bytes and in count");
  Foreign difference;
  difference.value_type("space", "bytes");
  difference.value_type("objects", "count");
  difference.sample({}, {-70, 2});
  CHECK(message(parse_pprof(difference.file())) == "no snapshot but a difference: it has negative values");
}

TEST_CASE("A profile that points to what is not there is damaged", "[unit]") {
  const auto damaged = [](const auto& change) {
    Foreign foreign;
    foreign.value_type("space", "bytes");
    foreign.value_type("objects", "count");
    foreign.mapping(1, 0, 0, "/bin/server");
    foreign.function(1, "f", "f.c");
    foreign.location(1, 1, 0x1000, 1, 1);
    change(foreign);
    return message(parse_pprof(foreign.file()));
  };
  CHECK(damaged([](Foreign&) {}) == "none");
  CHECK(damaged([](Foreign& f) { f.sample({2}, {1, 1}); }) == "damaged: it has no location 2");
  CHECK(damaged([](Foreign& f) { f.sample({1}, {1}); }) ==
        "damaged: a sample has another number of values than there are sample types");
  CHECK(damaged([](Foreign& f) { f.location(2, 9, 0, 0, 0); }) == "damaged: it has no mapping 9");
  CHECK(damaged([](Foreign& f) { f.location(2, 0, 0, 9, 0); }) == "damaged: it has no function 9");
  CHECK(damaged([](Foreign& f) { f.location(1, 0, 0, 0, 0); }) ==
        "damaged: its locations have no numbers of their own");
  CHECK(damaged([](Foreign& f) { f.function(0, "g", "f.c"); }) ==
        "damaged: its functions have no numbers of their own");
  CHECK(damaged([](Foreign& f) { f.profile.add_int64(13, 1000); }) == "damaged: it has no string 1000");
}

TEST_CASE("A file of a later memsnap is told", "[unit]") {
  Foreign later;
  later.value_type("space", "bytes");
  later.value_type("objects", "count");
  later.profile.add_int64(13, later.text("memsnap format: 2"));
  CHECK(message(parse_pprof(later.file())) == "saved by another memsnap, in its format 2; this one reads format 1");
  Foreign wrong;
  wrong.profile.add_int64(13, wrong.text("memsnap format: 1"));
  wrong.profile.add_int64(13, wrong.text("memsnap peak: much"));
  CHECK(message(parse_pprof(wrong.file())) == "a comment of memsnap's that makes no sense");
}

TEST_CASE("What is no gzipped profile is told", "[unit]") {
  CHECK(message(parse_pprof("")) == "no gzipped pprof profile");
  CHECK(message(parse_pprof("heap profile: 1: 2 [3: 4] @ heap")) == "no gzipped pprof profile");
  CHECK(message(parse_pprof("\x1f\x8b")) == "cut off or damaged");
  CHECK(message(parse_pprof(gzip("The quick brown fox"))) == "no pprof profile, or a damaged one");
  CHECK(message(parse_pprof(gzip(""))) == "no profile of memory: it has no sample types in bytes and in count");
  CHECK(message(parse_pprof(to_pprof(make_snapshot_file(3)) + "x")) == "cut off or damaged");
}

TEST_CASE("gunzip gives back what gzip was given, up to the limit", "[unit]") {
  std::string bytes;
  std::mt19937 random(1);
  for (int i = 0; i < 300000; ++i) {
    bytes += static_cast<char>(random() % 7);
  }
  CHECK(gunzip(gzip(bytes), bytes.size()).value() == bytes);
  CHECK(gunzip(gzip(bytes) + gzip("more"), bytes.size() + 4).value() == bytes + "more");
  CHECK(gunzip(gzip(bytes), bytes.size() - 1).error().message == "more than 293 KiB of data");
  CHECK(gunzip(gzip({}), 0).value().empty());
  // A file of some KiB that would be many MiB.
  const auto bomb = gzip(std::string(std::size_t{64} << 20, '\0'));
  CHECK(bomb.size() < std::size_t{1} << 20);
  CHECK_FALSE(gunzip(bomb, std::size_t{1} << 20).has_value());
}

TEST_CASE("A profile of no end of small things is refused", "[unit]") {
  // Two bytes make an empty string.
  std::string bytes;
  for (std::size_t i = 0; i < SnapshotFile::kMostEntries + 1; ++i) {
    bytes += std::string("\x32\x00", 2);
  }
  CHECK(message(parse_pprof(gzip(bytes))) == "larger than any snapshot");
  // A long name, a hundred thousand times.
  Foreign names;
  names.value_type("space", "bytes");
  names.value_type("objects", "count");
  names.function(1, std::string(100000, 'f'), "f.c");
  for (std::uint64_t i = 1; i <= 100000; ++i) {
    names.location(i, 0, i, 1, 1);
  }
  CHECK(message(parse_pprof(names.file())) == "larger than any snapshot");
}

TEST_CASE("A file that was cut off anywhere is a clear error", "[unit]") {
  const auto whole = to_pprof(make_snapshot_file(30));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const auto read = parse_pprof(std::string_view(whole).substr(0, size));
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == Code::malformed);
  }
}

TEST_CASE("Whatever a profile's bytes are, reading them ends in bounds", "[unit]") {
  const auto whole = gunzip(to_pprof(make_snapshot_file(20)), kLargestProfile).value();
  std::size_t refused = 0;
  const auto try_out = [&](const std::string& bytes) {
    if (const auto read = parse_pprof(gzip(bytes))) {
      check_sound(*read);
    } else {
      ++refused;
      CHECK(read.error().message.find('\n') == std::string::npos);
    }
  };
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try_out(whole.substr(0, size));
  }
  CHECK(refused > whole.size() / 2);
  std::mt19937 random(20240918);
  for (std::size_t i = 0; i < whole.size() * 8; i += 1 + random() % 5) {
    auto flipped = whole;
    flipped[i / 8] = static_cast<char>(static_cast<unsigned char>(flipped[i / 8]) ^ (1U << i % 8));
    try_out(flipped);
  }
  for (int i = 0; i < 2000; ++i) {
    auto changed = whole;
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
      const auto at = random() % changed.size();
      switch (random() % 3) {
        case 0:
          changed[at] = static_cast<char>(random());
          break;
        case 1:
          changed.erase(at, random() % 8);
          break;
        default:
          changed.insert(at, changed.substr(random() % changed.size(), random() % 16));
          break;
      }
    }
    try_out(changed);
  }
  for (int i = 0; i < 2000; ++i) {
    std::string noise(random() % 64, '\0');
    for (auto& byte : noise) {
      byte = static_cast<char>(random());
    }
    try_out(noise);
  }
}

}  // namespace
}  // namespace memsnap
