#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "core/symbols/symbolizer.h"

namespace memsnap {
namespace {

struct Free {
  void operator()(char* text) const { std::free(text); }
};

std::string close_brackets(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_between =
        text[i] == ' ' && !result.empty() && result.back() == '>' && i + 1 < text.size() && text[i + 1] == '>';
    if (!is_between) {
      result.push_back(text[i]);
    }
  }
  return result;
}

}  // namespace

std::string demangle(const std::string& name) {
  if (!name.starts_with("_Z")) {
    // Names of class templates in DWARF are spelled the old way too.
    return close_brackets(name);
  }
  int status = 0;
  const std::unique_ptr<char, Free> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status));
  return status == 0 && text ? close_brackets(text.get()) : name;
}

}  // namespace memsnap
