#include "core/trace/blame.h"

#include "tests/catch.h"
#include "tests/unit/fake_frames.h"

namespace memsnap {
namespace {

struct BlameFixture {
  FakeStacks stacks;
  HideRules rules;
  Blame blame{stacks.table, stacks.source, rules};

  Pc op_new = stacks.place(module_frame("/lib/libstdc++.so.6", "operator new(unsigned long)"));
  Pc strdup = stacks.place(module_frame("/lib/libc.so.6", "strdup"));
  Pc fill = stacks.place({source_frame("/usr/include/c++/12/vector", 100, "std::vector<int>::reserve(unsigned long)"),
                          source_frame("/src/fill.h", 7, "fill(std::vector<int>&)"),
                          source_frame("/src/main.cpp", 30, "run()")});
  Pc main = stacks.place(source_frame("/src/main.cpp", 40, "main"));
};

TEST_CASE("The innermost frame that is not hidden is blamed", "[unit]") {
  BlameFixture f;
  CHECK(f.blame.call_site(f.stacks.traceback({f.main})) == 0U);
  CHECK(f.blame.call_site(f.stacks.traceback({f.strdup, f.main})) == 1U);
}

TEST_CASE("An inlined frame can be the call site", "[unit]") {
  BlameFixture f;
  const auto id = f.stacks.traceback({f.op_new, f.fill, f.main});
  const auto site = f.blame.find_call_site(id);
  REQUIRE(site);
  CHECK(site->index == 2);
  CHECK(site->judged.frame->function == "fill(std::vector<int>&)");
  CHECK_FALSE(site->judged.hidden);
  CHECK(f.blame.frames(id).size() == 5);
  CHECK(f.blame.frames(id)[2] == *site->judged.frame);
}

TEST_CASE("Where every frame is hidden, the innermost outside the allocator is blamed", "[unit]") {
  BlameFixture f;
  const auto outside = f.stacks.traceback({f.op_new, f.strdup});
  CHECK(f.blame.call_site(outside) == 1U);
  CHECK(f.blame.find_call_site(outside)->judged.hidden);
  CHECK(f.blame.call_site(f.stacks.traceback({f.op_new})) == 0U);
}

TEST_CASE("A traceback without frames has no call site", "[unit]") {
  BlameFixture f;
  const auto id = f.stacks.traceback({}, TracebackEnd::no_unwind_info, Address{1});
  CHECK_FALSE(f.blame.call_site(id));
  CHECK(f.blame.frames(id).empty());
}

TEST_CASE("Each frame is judged", "[unit]") {
  BlameFixture f;
  const auto frames = f.blame.judged_frames(f.stacks.traceback({f.op_new, f.fill}));
  REQUIRE(frames.size() == 4);
  CHECK(frames[0].hidden);
  CHECK(frames[0].allocator);
  CHECK(frames[1].hidden);
  CHECK_FALSE(frames[1].allocator);
  CHECK_FALSE(frames[2].hidden);
}

TEST_CASE("Blame follows the rules when they change", "[unit]") {
  BlameFixture f;
  const auto id = f.stacks.traceback({f.fill, f.main});
  CHECK(f.blame.call_site(id) == 1U);
  REQUIRE(f.rules.add("/src/fill.h"));
  CHECK(f.blame.call_site(id) == 2U);
  CHECK(f.blame.judged_frames(id)[1].hidden);
  REQUIRE(f.rules.add("run"));
  CHECK(f.blame.call_site(id) == 3U);
  f.rules.reset();
  CHECK(f.blame.call_site(id) == 1U);
}

TEST_CASE("Tracebacks are ordered by their modules' paths, whatever numbers a session gave them", "[unit]") {
  for (const bool swapped : {false, true}) {
    FakeStacks stacks;
    HideRules rules;
    Blame blame{stacks.table, stacks.source, rules};
    const Pc a{ModuleId{swapped ? 2U : 1U}, 0x9000};
    const Pc b{ModuleId{swapped ? 1U : 2U}, 0x1000};
    stacks.source.add(a, {module_frame("/lib/a.so", "f")});
    stacks.source.add(b, {module_frame("/lib/b.so", "f")});
    const auto of_a = stacks.traceback({a});
    const auto of_b = stacks.traceback({b});
    const auto longer = stacks.traceback({a, b});
    CHECK(blame.compare(of_a, of_b) == std::strong_ordering::less);
    CHECK(blame.compare(of_b, of_a) == std::strong_ordering::greater);
    CHECK(blame.compare(of_a, longer) == std::strong_ordering::less);
    CHECK(blame.compare(of_b, longer) == std::strong_ordering::greater);
    CHECK(blame.compare(of_a, of_a) == std::strong_ordering::equal);
  }
}

}  // namespace
}  // namespace memsnap
