// The program of tracemalloc's tutorials, in C++: where did the memory go? A round makes a hundred objects, run()
// makes a hundred rounds unless told otherwise, and nothing is given back before the end.

#include <cstddef>
#include <cstdlib>
#include <vector>

class MyObject {
 public:
  MyObject() : size_(100) {
    data_ = new char[100];  // site: buffer
  }
  ~MyObject() { delete[] data_; }
  MyObject(const MyObject&) = delete;
  MyObject& operator=(const MyObject&) = delete;

 private:
  char* data_;
  std::size_t size_;
};

std::vector<MyObject*> get_data() {
  std::vector<MyObject*> values;
  for (int i = 0; i < 100; ++i) {
    MyObject* object = new MyObject;  // site: object
    values.push_back(object);         // site: vector
  }
  return values;
}

std::vector<std::vector<MyObject*>> run(int rounds) {
  std::vector<std::vector<MyObject*>> deep_values;
  for (int i = 0; i < rounds; ++i) {
    deep_values.push_back(get_data());  // site: rounds
  }
  return deep_values;
}

/// A place to stop at when run() has returned.
void finished() {}

int main(int argc, char** argv) {
  const std::vector<std::vector<MyObject*>> wasted = run(argc > 1 ? std::atoi(argv[1]) : 100);  // site: main
  finished();
  for (const std::vector<MyObject*>& values : wasted) {
    for (const MyObject* object : values) {
      delete object;
    }
  }
  return 0;
}
