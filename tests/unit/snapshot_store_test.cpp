#include "plugin/snapshot_store.h"

#include "tests/catch.h"

namespace memsnap {
namespace {

Snapshot named(std::string name, std::uint64_t size = 0) {
  Snapshot snapshot;
  snapshot.name = std::move(name);
  snapshot.size = size;
  return snapshot;
}

std::string message(const auto& result) { return result ? "none" : result.error().message; }

TEST_CASE("snapshots are numbered from 1, and found by number and name", "[unit]") {
  SnapshotStore store;
  CHECK(store.next_id() == 1);
  const auto first = store.add(named("before", 10));
  const auto second = store.add(named("", 20));
  CHECK(first->id == 1);
  CHECK(first->size == 10);
  CHECK(second->name == "2");
  CHECK(store.find("1").value() == first);
  CHECK(store.find("before").value() == first);
  CHECK(store.find("2").value() == second);
  CHECK(store.all() == std::vector{first, second});
}

TEST_CASE("a number is never given twice", "[unit]") {
  SnapshotStore store;
  store.add(named("before"));
  store.add(named("after"));
  REQUIRE(store.remove("2").has_value());
  CHECK(store.add(named(""))->name == "3");
  store.clear();
  CHECK(store.all().empty());
  CHECK(store.next_id() == 4);
}

TEST_CASE("a snapshot outlives its place in the store", "[unit]") {
  SnapshotStore store;
  const auto snapshot = store.add(named("before", 10));
  REQUIRE(store.remove("before").has_value());
  CHECK(snapshot->size == 10);
  CHECK_FALSE(store.find("before").has_value());
}

TEST_CASE("a snapshot that is not there is an error that names those that are", "[unit]") {
  SnapshotStore store;
  CHECK(message(store.find("befor")) == "no snapshot 'befor'; there are none, 'memsnap take' takes one");
  store.add(named("before"));
  store.add(named("after"));
  CHECK(store.find("befor").error().code == Code::not_found);
  CHECK(message(store.find("befor")) == "no snapshot 'befor'; there are: before, after");
  CHECK(message(store.find("01")) == "no snapshot '01'; there are: before, after");
  CHECK(message(store.remove("3")) == "no snapshot '3'; there are: before, after");
  CHECK(store.all().size() == 2);
}

TEST_CASE("a word with a meaning of its own names no snapshot", "[unit]") {
  const SnapshotStore store;
  for (const std::string name : {"1", "007", "now", "all", "lineno", "type", "-x", "--json", ""}) {
    CHECK(message(store.check_name(name)) ==
          "'" + name + "' cannot name a snapshot; numbers, keys, 'now' and 'all' have a meaning of their own");
  }
  for (const auto* name : {"before", "1st", "linen", "a b", "x-y"}) {
    CHECK(store.check_name(name).has_value());
  }
}

TEST_CASE("a name is taken until its snapshot is forgotten", "[unit]") {
  SnapshotStore store;
  store.add(named("before"));
  CHECK(store.check_name("before").error().code == Code::usage);
  CHECK(message(store.check_name("before")) ==
        "there is a snapshot 'before' already; 'memsnap delete before' forgets it");
  REQUIRE(store.remove("1").has_value());
  CHECK(store.check_name("before").has_value());
}

}  // namespace
}  // namespace memsnap
