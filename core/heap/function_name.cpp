#include "core/heap/function_name.h"

#include <algorithm>
#include <array>

#include "core/heap/type_name.h"
#include "core/trace/frame.h"

namespace memsnap {
namespace {

// One of a container, and never an array of them.
constexpr auto kNodes = std::to_array<std::string_view>({
    "std::_List_node",
    "std::_Fwd_list_node",
    "std::_Rb_tree_node",
    "std::__detail::_Hash_node",
    "std::_Sp_counted_ptr_inplace",
    "std::_Sp_counted_deleter",
    "std::__1::__list_node",
    "std::__1::__forward_list_node",
    "std::__1::__tree_node",
    "std::__1::__hash_node",
    "std::__1::__shared_ptr_emplace",
    "std::__1::__shared_ptr_pointer",
});

constexpr auto kAllocators = std::to_array<std::string_view>(
    {"std::__new_allocator", "__gnu_cxx::new_allocator", "std::allocator", "std::__1::allocator"});

// What these allocate themselves is elements.
constexpr auto kBuffers = std::to_array<std::string_view>(
    {"std::__cxx11::basic_string", "std::__1::basic_string", "std::vector", "std::__1::vector"});

// For algorithms such as stable_sort.
constexpr std::string_view kTemporary = "std::get_temporary_buffer";
constexpr auto kMakers = std::to_array<std::string_view>({
    "std::make_unique",
    "std::make_unique_for_overwrite",
    "std::__1::make_unique",
    "std::__1::make_unique_for_overwrite",
    kTemporary,
});

// Without what libc++ adds to its functions' names: `allocate[abi:v160006]`.
std::string without_tags(std::string_view function) {
  std::string name(function);
  for (auto begin = name.find("[abi:"); begin != std::string::npos; begin = name.find("[abi:")) {
    const auto end = name.find(']', begin);
    name.erase(begin, end == std::string::npos ? end : end + 1 - begin);
  }
  return name;
}

bool is_one_of(std::string_view word, const auto& words) { return std::ranges::find(words, word) != words.end(); }

}  // namespace

std::pair<std::string_view, std::string_view> split_function_name(std::string_view function) {
  const auto name = bare_function_name(function);
  int depth = 0;
  for (auto i = name.size(); i-- > 1;) {
    const char c = name[i];
    const bool is_arrow = c == '>' && name[i - 1] == '-';
    depth += is_arrow ? 0 : c == '>' || c == ')' || c == '}' ? 1 : c == '<' || c == '(' || c == '{' ? -1 : 0;
    if (depth == 0 && c == ':' && name[i - 1] == ':') {
      return {name.substr(0, i - 1), name.substr(i + 1)};
    }
  }
  return {std::string_view(), name};
}

std::optional<std::string> constructed_class(std::string_view function) {
  const auto [scope, member] = split_function_name(function);
  const auto owner = template_name(split_function_name(scope).second);
  if (scope.empty() || owner.empty() || template_name(member) != owner) {
    return std::nullopt;
  }
  return canonical_type_name(scope);
}

std::optional<LibraryAllocation> library_allocation(std::string_view tagged) {
  const auto function = without_tags(tagged);
  const auto [scope, member] = split_function_name(function);
  if (member == "allocate" && is_one_of(template_name(scope), kAllocators)) {
    const auto arguments = template_arguments(scope);
    if (arguments.empty()) {
      return std::nullopt;
    }
    auto type = canonical_type_name(arguments.front());
    const bool is_node = is_one_of(template_name(type), kNodes);
    return LibraryAllocation{std::move(type), !is_node};
  }
  // A string's functions are in the library itself, which mostly says nothing of what was inlined into them; and code
  // that a compiler moved apart may say nothing of that either.
  if (const auto arguments = template_arguments(scope); !arguments.empty()) {
    const auto owner = template_name(scope);
    if (is_one_of(owner, kBuffers) && arguments.front() != "bool") {
      return LibraryAllocation{canonical_type_name(arguments.front()), true};
    }
    if (owner == "std::_Function_base::_Base_manager") {
      return LibraryAllocation{canonical_type_name(arguments.front()), false};
    }
  }
  const auto name = bare_function_name(function);
  const auto arguments = template_arguments(name);
  if (!arguments.empty() && is_one_of(template_name(name), kMakers)) {
    auto type = canonical_type_name(arguments.front());
    constexpr std::string_view kMany = " []";
    const bool is_array = type.ends_with(kMany);
    if (is_array) {
      type.resize(type.size() - kMany.size());
    }
    return LibraryAllocation{std::move(type), is_array || template_name(name) == kTemporary};
  }
  return std::nullopt;
}

bool forwards_allocation(std::string_view function) {
  const auto [scope, member] = split_function_name(function);
  return member == "operator new" || member == "operator new[]" ||
         (scope == "std::__1" &&
          (member.starts_with("__libcpp_operator_new") || member.starts_with("__libcpp_allocate")));
}

}  // namespace memsnap
