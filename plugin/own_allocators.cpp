#include "plugin/own_allocators.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

#include "core/formats/number.h"
#include "core/formats/size.h"
#include "core/recorder/layout.h"
#include "core/symbols/symbolizer.h"
#include "core/trace/frame.h"

namespace memsnap {
namespace {

constexpr std::array<std::string_view, 6> kRoles = {"ptr", "size", "count", "bytes", "out", "pool"};

// Behind the last colon that is not half of a C++ one.
std::size_t end_of_name(std::string_view text) {
  for (auto i = text.size(); i-- > 0;) {
    if (text[i] == ')') {
      break;
    }
    if (text[i] == ':') {
      if (i == 0 || text[i - 1] != ':') {
        return i;
      }
      break;
    }
  }
  return text.size();
}

std::optional<std::int8_t> parse_argument(std::string_view word) {
  const bool is_int = word.ends_with('i');
  const auto number = parse_number<std::int8_t>(is_int ? word.substr(0, word.size() - 1) : word).value_or(0);
  if (number < 1 || number > layout::kMostArguments) {
    return std::nullopt;
  }
  return static_cast<std::int8_t>(number - 1 + (is_int ? layout::kIntArgument : 0));
}

std::string argument_word(std::int8_t argument) {
  const bool is_int = argument >= layout::kIntArgument;
  return fmt::format("{}{}", argument % layout::kIntArgument + 1, is_int ? "i" : "");
}

Result<void> set_role(EntryPointSpec& spec, std::string_view role, std::string_view word) {
  if (role == "bytes") {
    const auto bytes = parse_size(word);
    if (!bytes || *bytes == 0) {
      return fail(Code::usage, fmt::format("'{}' is no size for bytes; 64 is one", word));
    }
    spec.bytes = *bytes;
    return {};
  }
  const auto argument = parse_argument(word);
  if (!argument) {
    return fail(Code::usage,
                fmt::format("'{}' is no argument for {}; arguments are 1 to {}, with an i behind where it is an int",
                            word, role, layout::kMostArguments));
  }
  if (role == "out") {
    spec.kind = CallKind::allocate_out;
  }
  auto& field = role == "size" ? spec.size : role == "count" ? spec.count : role == "pool" ? spec.pool : spec.pointer;
  field = *argument;
  return {};
}

// Whether all that has to be known of a function was said.
Result<void> check_roles(const EntryPointSpec& spec, const std::string& name) {
  const bool gives = gives_block(spec.kind);
  const bool takes = spec.kind == CallKind::reallocate || spec.kind == CallKind::free;
  if (takes && spec.pointer < 0) {
    return fail(Code::usage,
                fmt::format("which argument of {} is the block? {}:ptr=1 says it is the first", name, name));
  }
  if (gives && spec.size < 0 && spec.bytes == 0) {
    return fail(Code::usage,
                fmt::format("which argument of {} is the size? {}:size=1 says it is the first", name, name));
  }
  if (gives && spec.size >= 0 && spec.bytes != 0) {
    return fail(Code::usage, fmt::format("{} has either size or bytes", name));
  }
  return {};
}

bool may_have(CallKind kind, std::string_view role) {
  switch (kind) {
    case CallKind::allocate:
    case CallKind::allocate_out:
      return role != "ptr";
    case CallKind::reallocate:
      return role != "out";
    case CallKind::free:
      return role == "ptr" || role == "pool";
    case CallKind::free_all:
      return role == "pool";
  }
  return false;
}

// The last part of a C++ name: what of it is in the mangled name as it is.
std::string_view last_word(std::string_view name) {
  name = name.substr(0, name.find_first_of("(<"));
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool is_named(const std::string& symbol, std::string_view name) {
  if (symbol == name) {
    return true;
  }
  if (!symbol.starts_with("_Z") || symbol.find(last_word(name)) == std::string::npos) {
    return false;
  }
  const auto shown = demangle(symbol);
  return shown == name || bare_function_name(shown) == name;
}

}  // namespace

std::string_view call_word(CallKind kind) {
  switch (kind) {
    case CallKind::allocate:
    case CallKind::allocate_out:
      return "alloc";
    case CallKind::reallocate:
      return "realloc";
    case CallKind::free:
      return "free";
    case CallKind::free_all:
      break;
  }
  return "free-all";
}

std::string argument_words(const EntryPointSpec& spec) {
  std::string text;
  const auto add = [&text](std::string_view role, std::string_view value) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", role, value);
  };
  const auto add_argument = [&](std::string_view role, std::int8_t argument) {
    if (argument >= 0) {
      add(role, argument_word(argument));
    }
  };
  const bool is_out = spec.kind == CallKind::allocate_out;
  add_argument("ptr", is_out ? std::int8_t{-1} : spec.pointer);
  add_argument("size", spec.size);
  add_argument("count", spec.count);
  if (spec.bytes != 0) {
    add("bytes", std::to_string(spec.bytes));
  }
  add_argument("out", is_out ? spec.pointer : std::int8_t{-1});
  add_argument("pool", spec.pool);
  return text;
}

Result<OwnFunction> parse_own_function(CallKind kind, std::string_view text) {
  const auto end = end_of_name(text);
  OwnFunction function{std::string(text.substr(0, end)), {.kind = kind, .is_plain = false, .is_own = true}};
  if (function.name.empty()) {
    return fail(Code::usage, fmt::format("'{}' has no function; pool_alloc:size=1 has", text));
  }
  for (auto rest = text.substr(std::min(end + 1, text.size())); !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto item = rest.substr(0, comma);
    rest = rest.substr(std::min(comma + 1, rest.size()));
    const auto equals = item.find('=');
    const auto role = item.substr(0, equals);
    const bool is_role = std::ranges::find(kRoles, role) != kRoles.end() && may_have(kind, role);
    if (equals == std::string_view::npos || !is_role) {
      return fail(Code::usage, fmt::format("'{}' says nothing of {} {} function; {} does", item,
                                           kind == CallKind::allocate ? "an" : "a", call_word(kind),
                                           kind == CallKind::allocate     ? "size=1, count=2, bytes=64, out=3 or pool=1"
                                           : kind == CallKind::reallocate ? "ptr=1, size=2, count=3, bytes=64 or pool=1"
                                           : kind == CallKind::free       ? "ptr=1"
                                                                          : "pool=1"));
    }
    if (auto set = set_role(function.spec, role, item.substr(equals + 1)); !set) {
      return std::unexpected(set.error());
    }
  }
  if (auto checked = check_roles(function.spec, function.name); !checked) {
    return std::unexpected(checked.error());
  }
  return function;
}

Result<void> OwnAllocators::add(std::string_view domain, const std::vector<OwnFunction>& functions) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  if (domain.empty() || domain.starts_with('-') || domain.find_first_not_of(kLetters) != std::string_view::npos) {
    return fail(Code::usage, fmt::format("'{}' is no name for a domain; letters, digits and _-. make one", domain));
  }
  const auto& known = known_entry_points();
  if (std::ranges::find(known, domain, &EntryPointSpec::domain) != known.end()) {
    return fail(Code::usage, fmt::format("domain '{}' is memsnap's own; take another name", domain));
  }
  std::vector<std::string_view> names;
  for (const auto& function : functions) {
    const auto is_same = [&](const EntryPointSpec& spec) { return spec.name == function.name; };
    auto traced = std::ranges::find_if(known, is_same);
    const auto* there = traced == known.end() ? nullptr : &*traced;
    if (const auto own = std::ranges::find_if(functions_, is_same); own != functions_.end()) {
      there = &*own;
    }
    if (there != nullptr) {
      return fail(Code::usage, fmt::format("{} is traced already, in domain '{}'", function.name, there->domain));
    }
    if (std::ranges::find(names, function.name) != names.end()) {
      return fail(Code::usage, fmt::format("{} can do one thing only", function.name));
    }
    names.push_back(function.name);
  }
  auto at = std::ranges::find(domains_, domain);
  if (at == domains_.end()) {
    if (domains_.size() + 1 >= layout::kSpaces) {
      return fail(Code::usage, fmt::format("{} domains of your own are the most", layout::kSpaces - 1));
    }
    domains_.emplace_back(texts_.emplace_back(domain));
    at = std::prev(domains_.end());
  }
  for (const auto& function : functions) {
    auto& spec = functions_.emplace_back(function.spec);
    spec.name = texts_.emplace_back(function.name);
    spec.domain = *at;
  }
  return {};
}

std::vector<EntryPoint> find_own_entry_points(const ElfFile& file, const ElfFile* debug_file,
                                              std::span<const EntryPointSpec* const> functions,
                                              const ModuleEntryPoints& known) {
  std::vector<EntryPoint> found;
  std::unordered_set<std::uint64_t> offsets;
  for (const auto& entry : known.entry_points) {
    offsets.insert(entry.offset);
  }
  for_each_function(file, debug_file, [&](const ElfSymbol& symbol) {
    for (const auto* function : functions) {
      if (is_named(symbol.name, function->name) && offsets.insert(symbol.value).second) {
        found.push_back({*function, symbol.value, symbol.size});
      }
    }
  });
  order_and_measure(found, file, debug_file);
  return found;
}

}  // namespace memsnap
