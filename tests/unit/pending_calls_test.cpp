#include "plugin/pending_calls.h"

#include "tests/catch.h"

namespace memsnap {
namespace {

constexpr OsThreadId kThread{1};
constexpr OsThreadId kOther{2};

const EntryPoint kMalloc{{.name = "malloc", .kind = CallKind::allocate}, 0x1000, 0x100};
const EntryPoint kFree{{.name = "free", .kind = CallKind::free}, 0x1100, 0x100};

PendingCall call(std::uint64_t stack, std::uint64_t return_address, std::uint64_t size,
                 const EntryPoint& entry_point = kMalloc) {
  PendingCall call;
  call.entry_point = &entry_point;
  call.stack = {stack};
  call.return_address = {return_address};
  call.size = size;
  return call;
}

std::vector<std::uint64_t> sizes(const std::vector<PendingCall>& calls) {
  std::vector<std::uint64_t> sizes;
  for (const auto& each : calls) {
    sizes.push_back(each.size);
  }
  return sizes;
}

using Sizes = std::vector<std::uint64_t>;

TEST_CASE("a return is that of the call from the same place and stack", "[unit]") {
  PendingCalls pending;
  std::vector<PendingCall> abandoned;
  pending.of(kThread).push_back(call(0x7000, 0x10, 1));
  CHECK_FALSE(pending.take_returned(kThread, {0x20}, {0x7008}, abandoned).has_value());
  CHECK_FALSE(pending.take_returned(kThread, {0x10}, {0x7010}, abandoned).has_value());
  CHECK_FALSE(pending.take_returned(kThread, {0x10}, {0x7000}, abandoned).has_value());
  CHECK_FALSE(pending.take_returned(kOther, {0x10}, {0x7008}, abandoned).has_value());
  const auto returned = pending.take_returned(kThread, {0x10}, {0x7008}, abandoned);
  REQUIRE(returned.has_value());
  CHECK(returned->size == 1);
  CHECK(pending.of(kThread).empty());
  CHECK(abandoned.empty());
}

TEST_CASE("a return abandons the deeper calls, and leaves the outer ones", "[unit]") {
  PendingCalls pending;
  std::vector<PendingCall> abandoned;
  pending.of(kThread) = {call(0x7000, 0x10, 1), call(0x6000, 0x10, 2), call(0x5000, 0x10, 3), call(0x4000, 0x20, 4)};
  const auto returned = pending.take_returned(kThread, {0x10}, {0x6008}, abandoned);
  REQUIRE(returned.has_value());
  CHECK(returned->size == 2);
  CHECK(sizes(abandoned) == Sizes{3, 4});
  CHECK(sizes(pending.of(kThread)) == Sizes{1});
}

TEST_CASE("a free's return is nobody's", "[unit]") {
  PendingCalls pending;
  std::vector<PendingCall> abandoned;
  auto free = call(0x7000, 0x10, 1, kFree);
  free.is_watched = false;
  pending.of(kThread).push_back(free);
  CHECK_FALSE(pending.take_returned(kThread, {0x10}, {0x7008}, abandoned).has_value());
  CHECK(sizes(pending.of(kThread)) == Sizes{1});
}

TEST_CASE("of two calls in one slot the later one returns", "[unit]") {
  PendingCalls pending;
  std::vector<PendingCall> abandoned;
  pending.of(kThread) = {call(0x7000, 0x10, 1), call(0x7000, 0x10, 2)};
  CHECK(pending.take_returned(kThread, {0x10}, {0x7008}, abandoned)->size == 2);
  CHECK(sizes(pending.of(kThread)) == Sizes{1});
}

TEST_CASE("an entry abandons the calls at and below its stack pointer", "[unit]") {
  PendingCalls pending;
  std::vector<PendingCall> abandoned;
  pending.of(kThread) = {call(0x7000, 0x10, 1), call(0x6000, 0x10, 2), call(0x5000, 0x10, 3)};
  pending.of(kOther) = {call(0x1000, 0x10, 9)};
  pending.drop_unwound(kThread, {0x4ff8}, abandoned);
  CHECK(abandoned.empty());
  pending.drop_unwound(kThread, {0x6000}, abandoned);
  CHECK(sizes(abandoned) == Sizes{2, 3});
  CHECK(sizes(pending.of(kThread)) == Sizes{1});
  CHECK(sizes(pending.of(kOther)) == Sizes{9});
}

TEST_CASE("a thread without calls has none to abandon", "[unit]") {
  PendingCalls pending;
  std::vector<PendingCall> abandoned;
  pending.drop_unwound(kThread, {0x6000}, abandoned);
  CHECK_FALSE(pending.take_returned(kThread, {0x10}, {0x7008}, abandoned).has_value());
  CHECK(abandoned.empty());
}

TEST_CASE("clear hands back the calls of every thread", "[unit]") {
  PendingCalls pending;
  pending.of(kThread) = {call(0x7000, 0x10, 1), call(0x6000, 0x10, 2)};
  pending.of(kOther) = {call(0x7000, 0x10, 3)};
  auto all = sizes(pending.clear());
  std::ranges::sort(all);
  CHECK(all == Sizes{1, 2, 3});
  CHECK(pending.of(kThread).empty());
  CHECK(pending.clear().empty());
}

}  // namespace
}  // namespace memsnap
