// A stack of known frames, two of them inline. Built with and without optimisation, symbols, position independence.

#include <cstdlib>

namespace garden {

[[gnu::always_inline]] inline void* make_node() {
  void* node = std::malloc(601);  // site: node
  return node;
}

[[gnu::always_inline]] inline void* grow_tree() {
  void* node = make_node();  // site: grow
  return node;
}

[[gnu::noinline]] void* plant(int count) {
  void* tree = nullptr;
  for (int i = 0; i < count; ++i) {
    std::free(tree);
    tree = grow_tree();  // site: plant
  }
  return tree;
}

}  // namespace garden

[[gnu::noinline]] void finished() { asm volatile(""); }

int main() {
  const void* tree = garden::plant(3);  // site: main
  finished();
  return tree == nullptr ? 1 : 0;  // the tree stays, so that there is a block to look at when all is over
}
