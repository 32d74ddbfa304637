#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N>
struct Shape {
  std::map<int, std::vector<std::pair<std::string, std::tuple<int, long, double>>>> table;
  std::unordered_map<std::string, std::variant<int, std::string, std::vector<Shape<N - 1>>>> other;
  Shape<N - 1> inner;
  int walk() {
    for (auto& [k, v] : table) {
      std::sort(v.begin(), v.end());
    }
    return N + inner.walk();
  }
};
template <>
struct Shape<0> {
  int walk() { return 0; }
};
int main() {
  Shape<60> shape;
  std::regex r("a+b");
  std::function<int()> f = [&] { return shape.walk(); };
  std::cout << f() << std::regex_match("aab", r);
}
