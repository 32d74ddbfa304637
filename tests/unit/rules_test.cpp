#include "core/trace/rules.h"

#include <algorithm>

#include "tests/catch.h"
#include "tests/unit/fake_frames.h"

namespace memsnap {
namespace {

TEST_CASE("A glob matches whole strings", "[unit]") {
  CHECK(glob_matches("", ""));
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("**", "a/b"));
  CHECK(glob_matches("a*c", "a/b/c"));
  CHECK(glob_matches("*/b/*", "/a/b/c"));
  CHECK(glob_matches("*aab", "aaaab"));
  CHECK(glob_matches("a?c", "abc"));
  CHECK(glob_matches("*.[ch]", "x.c"));
  CHECK(glob_matches("[a-c]x", "bx"));
  CHECK(glob_matches("[!a-c]x", "dx"));
  CHECK(glob_matches("[^a-c]x", "dx"));
  CHECK(glob_matches("[]]", "]"));
  CHECK(glob_matches("[a-]", "-"));
  CHECK(glob_matches("operator[", "operator["));
  CHECK(glob_matches("f\xff*", "f\xff\xfe"));
  CHECK_FALSE(glob_matches("", "a"));
  CHECK_FALSE(glob_matches("a", "ab"));
  CHECK_FALSE(glob_matches("b", "ab"));
  CHECK_FALSE(glob_matches("a?", "a"));
  CHECK_FALSE(glob_matches("[!a-c]x", "bx"));
  CHECK_FALSE(glob_matches("[]", "]"));
  CHECK_FALSE(glob_matches("*a*b", "bbba"));
}

TEST_CASE("A glob of many stars is no hard work", "[unit]") {
  std::string pattern;
  for (int i = 0; i < 50; ++i) {
    pattern += "*a";
  }
  CHECK_FALSE(glob_matches(pattern + "b", std::string(2000, 'a')));
}

TEST_CASE("A function's bare name has no arguments and no return type", "[unit]") {
  CHECK(bare_function_name("") == "");
  CHECK(bare_function_name("main") == "main");
  CHECK(bare_function_name("pool_give(unsigned long)") == "pool_give");
  CHECK(bare_function_name("Pool::give(int) const") == "Pool::give");
  CHECK(bare_function_name("void pool::give<int, char>(int)") == "pool::give<int, char>");
  CHECK(bare_function_name("std::map<int, long> make<void (int)>(std::function<void (int)>)") == "make<void (int)>");
  CHECK(bare_function_name("(anonymous namespace)::f(int)") == "(anonymous namespace)::f");
  CHECK(bare_function_name("(anonymous namespace)::f") == "(anonymous namespace)::f");
  CHECK(bare_function_name("operator new(unsigned long)") == "operator new");
  CHECK(bare_function_name("A::operator()(int) const") == "A::operator()");
  CHECK(bare_function_name("A::operator()") == "A::operator()");
  CHECK(bare_function_name("bool operator< <int>(A const&, A const&)") == "operator< <int>");
  CHECK(bare_function_name("A::operator unsigned long() const") == "A::operator unsigned long");
  CHECK(bare_function_name("int my_operators(int)") == "my_operators");
  CHECK(bare_function_name("f(int) [clone .cold]") == "f");
  CHECK(bare_function_name("f(int)::{lambda()#1}::operator()() const") == "f(int)::{lambda()#1}::operator()");
  CHECK(bare_function_name(")") == ")");
  CHECK(bare_function_name("()") == "()");
}

TEST_CASE("By default the allocator and the libraries are hidden", "[unit]") {
  const HideRules rules;
  for (const auto* const function :
       {"operator new(unsigned long)", "operator new[](unsigned long, std::nothrow_t const&)", "malloc",
        "__cxa_allocate_exception", "je_malloc", "_rjem_calloc", "tc_newarray", "mi_heap_malloc"}) {
    CAPTURE(function);
    CHECK(rules.hides(source_frame("/src/anything.c", 3, function)));
  }
  for (const auto* const file :
       {"/usr/include/c++/12/bits/new_allocator.h", "/usr/include/x86_64-linux-gnu/c++/12/bits/gthr.h",
        "/usr/lib/llvm-14/bin/../include/c++/v1/__memory/allocator.h", "/build/gcc-12/src/libstdc++-v3/src/string.cc",
        "/usr/src/debug/glibc-2.38/malloc/malloc.c", "../csu/libc-start.c"}) {
    CAPTURE(file);
    CHECK(rules.hides(source_frame(file, 3)));
  }
  for (const auto* const module :
       {"/lib/x86_64-linux-gnu/libc.so.6", "/lib/libc-2.31.so", "/lib/libc++abi.so.1", "/lib/libstdc++.so.6.0.30",
        "/lib/libm.so.6", "/lib/ld-musl-x86_64.so.1", "/lib64/ld-linux-x86-64.so.2", "/lib/libgcc_s.so.1",
        "/usr/lib/libjemalloc.so.2", "/usr/lib/libtcmalloc_minimal.so.4", "/opt/libmimalloc.so", "libc.so.6"}) {
    CAPTURE(module);
    auto frame = source_frame("/src/anything.c", 3);
    frame.module = module;
    CHECK(rules.hides(frame));
  }
}

TEST_CASE("The program's own code is not hidden by default", "[unit]") {
  const HideRules rules;
  for (const auto* const function : {"main", "Pool::malloc(int)", "MyObject::operator new(unsigned long)", "freeze()",
                                     "tc_parse", "je_suis", "void give<int>(int)", ""}) {
    CAPTURE(function);
    CHECK_FALSE(rules.hides(source_frame("/home/me/glibc-bug/malloc/main.cpp", 3, function)));
  }
  auto frame = source_frame("/src/main.c", 3);
  frame.module = "/usr/bin/malloc";  // a program may be called like a function
  CHECK_FALSE(rules.hides(frame));
}

TEST_CASE("A frame without a line is hidden whatever the rules", "[unit]") {
  HideRules rules;
  while (!rules.patterns().empty()) {
    REQUIRE(rules.remove(std::string(rules.patterns().front())));
  }
  CHECK(rules.hides(module_frame("/app/program", "main")));
  CHECK_FALSE(rules.hides(source_frame("/usr/include/c++/12/vector", 3, "malloc")));
}

TEST_CASE("A rule matches a path, a function or a module", "[unit]") {
  HideRules rules;
  const auto frame = source_frame("/src/util/pool.cpp", 3, "void MyPool::give<int>(int)");
  CHECK_FALSE(rules.hides(frame));
  for (const auto* const pattern : {"*/util/*", "/src/util/pool.cpp", "MyPool::*", "MyPool::give<int>",
                                    "void MyPool::give<int>(int)", "/app/program", "/app/*"}) {
    CAPTURE(pattern);
    REQUIRE(rules.add(pattern));
    CHECK(rules.hides(frame));
    REQUIRE(rules.remove(pattern));
    CHECK_FALSE(rules.hides(frame));
  }
}

TEST_CASE("A plain word hides a function, not a module of that name", "[unit]") {
  HideRules rules;
  REQUIRE(rules.add("program"));
  CHECK_FALSE(rules.hides(source_frame("/src/main.c", 3, "main")));
  CHECK(rules.hides(source_frame("/src/main.c", 3, "program(int)")));
}

TEST_CASE("Rules that make no sense are refused with a reason", "[unit]") {
  HideRules rules;
  const auto version = rules.version();
  const auto empty = rules.add("");
  REQUIRE_FALSE(empty);
  CHECK(empty.error().code == Code::usage);
  const auto twice = rules.add("malloc");
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == Code::usage);
  CHECK(twice.error().message == "'malloc' is a hide rule already");
  const auto unknown = rules.remove("nothing");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Code::not_found);
  CHECK(unknown.error().message.find("'nothing'") != std::string::npos);
  CHECK(rules.version() == version);
}

TEST_CASE("Every change of the rules changes their version, and reset brings the defaults back", "[unit]") {
  HideRules rules;
  const auto defaults = rules.patterns();
  auto version = rules.version();
  const auto has_changed = [&] { return std::exchange(version, rules.version()) != rules.version(); };
  REQUIRE(rules.add("mine"));
  CHECK(has_changed());
  REQUIRE(rules.remove("malloc"));
  CHECK(has_changed());
  rules.reset();
  CHECK(has_changed());
  CHECK(rules.patterns() == defaults);
}

TEST_CASE("A filter matches a file by its path or its base name", "[unit]") {
  const auto frame = source_frame("/src/util/pool.cpp", 3);
  CHECK(Filter{.pattern = "/src/util/pool.cpp"}.matches(frame));
  CHECK(Filter{.pattern = "pool.cpp"}.matches(frame));
  CHECK(Filter{.pattern = "*/util/*"}.matches(frame));
  CHECK(Filter{.pattern = "pool.cpp", .line = 3}.matches(frame));
  CHECK_FALSE(Filter{.pattern = "pool.cpp", .line = 4}.matches(frame));
  CHECK_FALSE(Filter{.pattern = "util"}.matches(frame));
  CHECK_FALSE(Filter{.pattern = "program!work()"}.matches(frame));
}

TEST_CASE("A filter matches a frame without line by module and function", "[unit]") {
  CHECK(Filter{.pattern = "libc.so.6!strdup"}.matches(module_frame("/lib/libc.so.6", "strdup")));
  CHECK(Filter{.pattern = "libc.so.6!*"}.matches(module_frame("/lib/libc.so.6", "", 0x10)));
  CHECK_FALSE(Filter{.pattern = "libc.so.6!*", .line = 1}.matches(module_frame("/lib/libc.so.6", "strdup")));
}

}  // namespace
}  // namespace memsnap
