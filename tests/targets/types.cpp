// A block of every kind whose type can be told, each from a line of its own. Nothing is given back before the end.

#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

struct record {
  int number;
  char text[20];
};

namespace app {

struct Point {
  int x = 0;
  int y = 0;
};

struct Pair {
  long first = 0;
  long second = 0;
};

struct Named {
  Named(int number, std::string text) : id(number), name(std::move(text)) {}
  int id;
  std::string name;
  Named* next = nullptr;
};

struct Shape {
  virtual ~Shape();
  virtual double area() const = 0;
  long color = 3;
};
Shape::~Shape() = default;

struct Circle : Shape {
  explicit Circle(double length) : radius(length) {}
  double area() const override;
  double radius;
  double unused = 0;
};
double Circle::area() const { return radius * radius * 3; }

struct Square : Shape {
  explicit Square(double length) : side(length) {}
  double area() const override;
  double side;
  double unused = 0;
};
double Square::area() const { return side * side; }

struct Labelled {
  virtual ~Labelled();
  std::string label = "here";
};
Labelled::~Labelled() = default;

struct Sign : Shape, Labelled {
  double area() const override;
};
double Sign::area() const { return 1; }

struct Counted {
  ~Counted() { value[0] = 0; }
  int value[3] = {1, 2, 3};
};

}  // namespace app

/// Makes an optimiser believe that somebody needs it.
template <typename T>
void keep(T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

/// A place to stop at when everything is there.
__attribute__((noinline)) void finished() { asm volatile("" : : : "memory"); }

int main() {
  auto* point = new app::Point{1, 2};        // site: aggregate
  auto* named = new app::Named(7, "seven");  // site: named
  named->next = new app::Named(9, "nine");
  app::Shape* circle = new app::Circle(1.5);
  app::Shape* sign = new app::Sign;
  auto* counted = new app::Counted[3];
  auto* plain = static_cast<record*>(std::malloc(sizeof(record)));  // site: sizeof
  void* nothing = std::malloc(100);                                 // site: nothing
  {
    const std::vector<int> numbers(10);
    const std::string text = "a text too long to be kept inside";
    const std::list<int> list = {1};
    const std::map<int, std::string> map = {{1, "one"}};
    const std::unordered_map<int, int> hashed = {{1, 2}};
    const auto unique = std::make_unique<app::Pair>();
    const auto shared = std::make_shared<app::Named>(8, "eight");

    // One line gives memory for objects of several classes.
    void* places[3];
    for (auto& place : places) {
      place = std::malloc(sizeof(app::Circle) + 0);  // site: several
    }
    app::Shape* several[] = {new (places[0]) app::Circle(1), new (places[1]) app::Square(2),
                             new (places[2]) app::Circle(3)};
    const auto keep_all = [](auto&... values) { (keep(values), ...); };
    keep_all(numbers, text, list, map, hashed, unique, shared, several, point, named, circle, sign, counted, plain,
             nothing);
    finished();
    for (auto* shape : several) {
      shape->~Shape();
      std::free(shape);
    }
  }
  std::free(nothing);
  std::free(plain);
  delete[] counted;
  delete sign;
  delete circle;
  delete named->next;
  delete named;
  delete point;
  return 0;
}
