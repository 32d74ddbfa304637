#include "core/heap/type.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string_view>
#include <utility>

namespace memsnap {
namespace {

// Types nest as deep as people write them; broken debug information could nest without end, and in many ways.
constexpr int kDeepestType = 32;
constexpr int kMostSteps = 10000;

bool is_inside(const Member& member, std::uint64_t offset) {
  return member.type != nullptr && offset >= member.offset &&
         (offset - member.offset < member.type->size || (member.type->size == 0 && offset == member.offset));
}

// False where nothing is at the offset.
bool add_path(const Type& type, std::uint64_t offset, int depth, int& steps, std::string& path) {
  if (depth > kDeepestType || ++steps > kMostSteps) {
    return false;
  }
  if (type.kind == Type::Kind::array && type.element != nullptr && type.element->size != 0) {
    const auto index = offset / type.element->size;
    path += fmt::format("[{}]", index);
    return add_path(*type.element, offset % type.element->size, depth + 1, steps, path);
  }
  if (!type.is_class()) {
    path += offset == 0 ? std::string() : fmt::format("+{}", offset);
    return true;
  }
  for (const auto& member : type.members) {
    if (!is_inside(member, offset)) {
      continue;
    }
    const auto length = path.size();
    if (!member.name.empty()) {
      path.append(path.empty() || path.ends_with('.') ? "" : ".").append(member.name);
    }
    // An empty base lies where the first member does, too.
    if (add_path(*member.type, offset - member.offset, depth + 1, steps, path)) {
      return true;
    }
    path.resize(length);
  }
  return false;
}

std::optional<Member> search(const Type& type, std::string_view name, std::uint64_t offset, int depth, int& steps) {
  if (depth > kDeepestType || ++steps > kMostSteps) {
    return std::nullopt;
  }
  for (const auto& member : type.members) {
    if (member.name == name && member.type != nullptr) {
      auto found = member;
      found.offset += offset;
      return found;
    }
  }
  for (const auto& member : type.members) {
    if (member.name.empty() && member.type != nullptr) {
      if (auto found = search(*member.type, name, offset + member.offset, depth + 1, steps)) {
        return found;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::string member_path(const Type& type, std::uint64_t offset) {
  std::string path;
  int steps = 0;
  return add_path(type, offset, 0, steps, path) ? path : std::string();
}

const Type* builtin_type(std::string_view name) {
  using Kind = Type::Kind;
  static const auto kTypes = [] {
    std::map<std::string, Type, std::less<>> types;
    const auto add = [&](std::string_view word, Kind kind, std::uint64_t size) {
      Type type;
      type.kind = kind;
      type.name = word;
      type.size = size;
      types.emplace(word, std::move(type));
    };
    add("bool", Kind::boolean, 1);
    add("char", Kind::character, 1);
    add("signed char", Kind::character, 1);
    add("unsigned char", Kind::character, 1);
    add("char8_t", Kind::character, 1);
    add("char16_t", Kind::character, 2);
    add("char32_t", Kind::character, 4);
    add("wchar_t", Kind::signed_integer, 4);
    add("short", Kind::signed_integer, 2);
    add("unsigned short", Kind::unsigned_integer, 2);
    add("int", Kind::signed_integer, 4);
    add("unsigned int", Kind::unsigned_integer, 4);
    add("long", Kind::signed_integer, 8);
    add("unsigned long", Kind::unsigned_integer, 8);
    add("long long", Kind::signed_integer, 8);
    add("unsigned long long", Kind::unsigned_integer, 8);
    add("float", Kind::floating, 4);
    add("double", Kind::floating, 8);
    add("long double", Kind::floating, 16);
    add("*", Kind::pointer, 8);
    return types;
  }();
  const auto found = kTypes.find(name.ends_with('*') ? name.substr(name.size() - 1) : name);
  return found == kTypes.end() ? nullptr : &found->second;
}

std::optional<Member> find_member(const Type& type, std::string_view name) {
  int steps = 0;
  return search(type, name, 0, 0, steps);
}

}  // namespace memsnap
