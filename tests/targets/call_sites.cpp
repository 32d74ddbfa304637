// Reports from functions of every kind: the symbolizer's tests ask what stands at the addresses it prints. Lines are
// found by their markers.

#include "call_sites.h"

#define INLINED inline __attribute__((always_inline))
#define OUT_OF_LINE __attribute__((noinline))

namespace shapes {

template <typename T>
struct Wrapped {};

struct Circle {
  OUT_OF_LINE void outline(int) {
    report("method");  // line: method
    STAY();
  }
  INLINED void fill(int) {
    report("inlined");  // line: inlined
    STAY();
  }
};

INLINED void middle(Circle& circle) {
  circle.fill(1);  // line: inlined-into-middle
  STAY();
}

OUT_OF_LINE void outer(Circle& circle, long) {
  middle(circle);  // line: inlined-into-outer
  STAY();
}

template <typename T>
OUT_OF_LINE void templated(T) {
  report("template");  // line: template
  STAY();
}

}  // namespace shapes

namespace {

OUT_OF_LINE void hidden(char) {
  report("anonymous");  // line: anonymous
  STAY();
}

INLINED void hidden_inlined() {
  report("anonymous-inlined");  // line: anonymous-inlined
  STAY();
}

}  // namespace

OUT_OF_LINE static void local_to_file(int) {
  report("static");  // line: static
  STAY();
}

int main() {
  shapes::Circle circle;
  circle.outline(1);
  shapes::outer(circle, 2);
  shapes::templated(shapes::Wrapped<shapes::Wrapped<int>>());
  hidden('x');
  local_to_file(3);
  [](int) __attribute__((noinline)) {
    report("lambda");  // line: lambda
    STAY();
  }
  (4);
  hidden_inlined();  // line: anonymous-inlined-into-main
  in_plain_c();
  report("main");  // line: main
  return 0;
}
