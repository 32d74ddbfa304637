#include "core/heap/preview.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace memsnap {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMostText = 48;         // characters of one string
constexpr std::size_t kEnough = 72;           // characters behind which nothing new is begun
constexpr std::size_t kMostBytes = 1024;      // of a block that are read
constexpr std::size_t kMostElements = 8;      // of an array
constexpr int kDeepestClass = 4;              // classes in classes
constexpr std::size_t kFewestCharacters = 4;  // that look like text
constexpr std::string_view kMore = "...";

bool is_printable(char c) { return c >= ' ' && c <= '~'; }
bool is_text(char c) { return is_printable(c) || c == '\n' || c == '\t' || c == '\r'; }

std::string escaped(char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    case '\0':
      return "\\0";
    case '"':
    case '\\':
      return std::string("\\") + c;
    default:
      return is_printable(c) ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
}

std::string quoted(std::string_view text, bool has_more) {
  std::string result = "\"";
  for (const char c : text) {
    const auto next = escaped(c);
    if (result.size() + next.size() > kMostText) {
      has_more = true;
      break;
    }
    result += next;
  }
  return result.append("\"").append(has_more ? kMore : "");
}

std::string_view characters(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Text that ends with a NUL, or fills all there is where `may_fill`.
std::optional<std::string_view> text_in(Bytes bytes, bool may_fill) {
  const auto all = characters(bytes);
  const auto end = all.find('\0');
  if (end == std::string_view::npos && !may_fill) {
    return std::nullopt;
  }
  const auto text = all.substr(0, end);
  return std::ranges::all_of(text, is_text) ? std::optional(text) : std::nullopt;
}

template <typename T>
std::optional<T> load(Bytes bytes, std::uint64_t offset) {
  T value{};
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    return std::nullopt;
  }
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::optional<std::uint64_t> unsigned_value(Bytes bytes, std::uint64_t size) {
  std::uint64_t value = 0;
  if (size == 0 || size > sizeof(value) || bytes.size() < size) {
    return std::nullopt;
  }
  std::memcpy(&value, bytes.data(), size);  // x86-64 is little-endian, as memsnap's own machine
  return value;
}

std::int64_t as_signed(std::uint64_t value, std::uint64_t bits) {
  const auto unused = 64 - bits;
  return static_cast<std::int64_t>(value << unused) >> unused;
}

class Printer {
 public:
  explicit Printer(MemoryReader& memory) : memory_(memory) {}

  std::string element(const Type& type, Bytes bytes) { return value(type, bytes, 0); }

  std::string array(const Type& element, std::uint64_t count, Bytes bytes) {
    return elements(element, count, bytes, 0);
  }

  static std::string words(Bytes bytes) {
    std::string text;
    constexpr std::size_t kMostWords = 4;
    for (std::size_t i = 0; i < kMostWords && i * sizeof(std::uint64_t) < bytes.size(); ++i) {
      const auto rest = bytes.subspan(i * sizeof(std::uint64_t));
      const auto size = std::min(rest.size(), sizeof(std::uint64_t));
      text += fmt::format("{}0x{:0{}x}", text.empty() ? "" : " ", *unsigned_value(rest, size), size * 2);
    }
    return text;
  }

 private:
  std::string value(const Type& type, Bytes bytes, int depth) {
    if (auto text = string(type, bytes)) {
      return *text;
    }
    switch (type.kind) {
      case Type::Kind::record:
      case Type::Kind::alternates:
        return record(type, bytes, depth);
      case Type::Kind::array:
        return type.element == nullptr ? std::string(kMore) : elements(*type.element, type.count, bytes, depth);
      case Type::Kind::floating:
        return floating(type, bytes);
      case Type::Kind::opaque:
        return words(bytes.first(std::min<std::size_t>(bytes.size(), type.size)));
      default: {
        const auto number = unsigned_value(bytes, type.size);
        return number          ? scalar(type, *number, type.size * 8)
               : type.size > 8 ? words(bytes.first(std::min<std::size_t>(bytes.size(), type.size)))
                               : std::string(kMore);
      }
    }
  }

  static std::string scalar(const Type& type, std::uint64_t number, std::uint64_t bits) {
    switch (type.kind) {
      case Type::Kind::boolean:
        return number > 1 ? fmt::format("{}", number) : number == 1 ? "true" : "false";
      case Type::Kind::character:
        return number < 0x80 && number != 0 ? fmt::format("'{}'", character(static_cast<char>(number)))
                                            : fmt::format("{}", as_signed(number, bits));
      case Type::Kind::signed_integer:
        return fmt::format("{}", as_signed(number, bits));
      case Type::Kind::enumeration:
        return enumerator(type, number, bits);
      case Type::Kind::pointer:
        return fmt::format("{:#x}", number);
      default:
        return fmt::format("{}", number);
    }
  }

  static std::string character(char c) { return c == '\'' ? "\\'" : c == '"' ? "\"" : escaped(c); }

  static std::string enumerator(const Type& type, std::uint64_t number, std::uint64_t bits) {
    const auto value = as_signed(number, bits);
    for (const auto& each : type.enumerators) {
      if (each.value == value || static_cast<std::uint64_t>(each.value) == number) {
        return each.name;
      }
    }
    return fmt::format("{}", value);
  }

  static std::string floating(const Type& type, Bytes bytes) {
    if (type.size == sizeof(float)) {
      const auto number = load<float>(bytes, 0);
      return number ? fmt::format("{}", *number) : std::string(kMore);
    }
    if (type.size == sizeof(double)) {
      const auto number = load<double>(bytes, 0);
      return number ? fmt::format("{}", *number) : std::string(kMore);
    }
    if (type.size == sizeof(long double)) {
      const auto number = load<long double>(bytes, 0);
      return number ? fmt::format("{}", static_cast<double>(*number)) : std::string(kMore);
    }
    return words(bytes);
  }

  std::string record(const Type& type, Bytes bytes, int depth) {
    // A container's node is there for what it holds, not for its links to others.
    const auto storage = find_member(type, "_M_storage");
    if (storage && storage->type->is_storage && storage->offset < bytes.size() && depth <= kDeepestClass) {
      return value(*storage->type->members.front().type, bytes.subspan(storage->offset), depth + 1);
    }
    std::string text = "{";
    bool is_first = true;
    static_cast<void>(members(type, bytes, depth, text, is_first));
    return text + "}";
  }

  // False where there was more than fits.
  bool members(const Type& type, Bytes bytes, int depth, std::string& text, bool& is_first) {
    if (depth > kDeepestClass) {
      text += kMore;
      return false;
    }
    for (const auto& member : type.members) {
      if (member.type == nullptr || member.offset > bytes.size() || member.name.starts_with("_vptr")) {
        continue;
      }
      const auto inside = bytes.subspan(member.offset);
      // What has no name adds its own members to these.
      if (member.name.empty() && member.type->is_class() && !is_string(*member.type)) {
        if (!members(*member.type, inside, depth + 1, text, is_first)) {
          return false;
        }
        continue;
      }
      if (written_ + text.size() > kEnough) {
        text += is_first ? kMore : ", ...";
        is_first = false;
        return false;
      }
      text += is_first ? "" : ", ";
      is_first = false;
      text += member.name.empty() ? "" : member.name + " = ";
      // What stands before it counts towards the length of what is in it.
      const auto before = written_;
      written_ += text.size();
      const auto shown = member.bits != 0 ? bit_field(member, inside) : value(*member.type, inside, depth + 1);
      written_ = before;
      text += shown;
    }
    return true;
  }

  static std::string bit_field(const Member& member, Bytes bytes) {
    const auto size = std::min<std::size_t>(bytes.size(), sizeof(std::uint64_t));
    const auto word = unsigned_value(bytes, size);
    if (!word || member.bits > 64 || member.bit_offset >= 64) {
      return std::string(kMore);
    }
    const auto mask = member.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << member.bits) - 1;
    return scalar(*member.type, (*word >> member.bit_offset) & mask, member.bits);
  }

  std::string elements(const Type& element, std::uint64_t count, Bytes bytes, int depth) {
    if (element.kind == Type::Kind::character && element.size == 1) {
      const auto all = bytes.first(std::min<std::size_t>(bytes.size(), count));
      if (const auto text = text_in(all, true)) {
        return quoted(*text, text->size() == all.size() && all.size() < count);
      }
      return words(all);
    }
    if (element.size == 0 || depth > kDeepestClass) {
      return "{...}";
    }
    std::string text = "{";
    for (std::uint64_t i = 0; i < count; ++i) {
      text += i == 0 ? "" : ", ";
      const auto offset = i * element.size;
      if (i == kMostElements || offset >= bytes.size() || written_ + text.size() > kEnough) {
        text += kMore;
        break;
      }
      const auto before = written_;
      written_ += text.size();
      const auto shown = value(element, bytes.subspan(offset), depth + 1);
      written_ = before;
      text += shown;
    }
    return text + "}";
  }

  static bool is_string(const Type& type) {
    return type.name == "string" || type.name.starts_with("basic_string<char,");
  }

  // The text of a std::string; nullopt for another type, and where its inside makes no sense.
  std::optional<std::string> string(const Type& type, Bytes bytes) {
    if (type.kind != Type::Kind::record || !is_string(type)) {
      return std::nullopt;
    }
    if (const auto length = find_member(type, "_M_string_length")) {
      const auto pointer = load<std::uint64_t>(bytes, 0);
      const auto size = load<std::uint64_t>(bytes, length->offset);
      return pointer && size ? text_at(Address{*pointer}, *size) : std::nullopt;
    }
    return libcxx_string(type, bytes);
  }

  // libc++ keeps a short text in the string itself; whether it does tells the lowest bit of the first byte. The older
  // and the newer names of its members mean the same bytes.
  std::optional<std::string> libcxx_string(const Type& type, Bytes bytes) {
    constexpr std::uint64_t kSize = 24;
    const auto first = load<std::uint8_t>(bytes, 0);
    if (!(find_member(type, "__r_") || find_member(type, "__rep_")) || type.size != kSize || !first ||
        bytes.size() < kSize) {
      return std::nullopt;
    }
    if ((*first & 1U) == 0) {
      const std::uint64_t length = *first >> 1U;
      return length < kSize ? std::optional(quoted(characters(bytes.subspan(1, length)), false)) : std::nullopt;
    }
    const auto size = load<std::uint64_t>(bytes, 8);
    const auto pointer = load<std::uint64_t>(bytes, 16);
    return text_at(Address{*pointer}, *size);
  }

  std::optional<std::string> text_at(Address address, std::uint64_t size) {
    if (size > std::uint64_t{1} << 40) {
      return std::nullopt;
    }
    std::vector<std::byte> text(std::min<std::uint64_t>(size, kMostText + 1));
    if (memory_.read(address, text) != text.size()) {
      return std::nullopt;
    }
    return quoted(characters(text), text.size() < size);
  }

  MemoryReader& memory_;
  std::size_t written_ = 0;  // characters before what is being printed
};

// Where programs lie by default while they are debugged, the bytes of a pointer are characters.
bool begins_with_pointer(Bytes bytes, MemoryReader& memory) {
  const auto pointer = load<std::uint64_t>(bytes, 0);
  std::byte byte{};
  return pointer && memory.read(Address{*pointer}, std::span(&byte, 1)) == 1;
}

// Text, where it looks like one, else words.
std::string untyped(Bytes bytes, bool is_whole, MemoryReader& memory) {
  const auto text = text_in(bytes, false);
  if (text && text->size() >= kFewestCharacters &&
      (text->size() >= sizeof(std::uint64_t) || !begins_with_pointer(bytes, memory))) {
    return quoted(*text, false);
  }
  if (!is_whole && bytes.size() >= kMostBytes && std::ranges::all_of(characters(bytes), is_text)) {
    return quoted(characters(bytes), true);
  }
  return Printer::words(bytes);
}

}  // namespace

std::string preview(const Shape& shape, Address address, std::uint64_t size, MemoryReader& memory) {
  if (size == 0) {
    return {};
  }
  std::vector<std::byte> buffer(std::min<std::uint64_t>(size, kMostBytes));
  buffer.resize(memory.read(address, buffer));
  const Bytes bytes(buffer);
  if (bytes.empty()) {
    return "unreadable";
  }
  std::string text;
  if (shape.type == nullptr || shape.offset >= bytes.size() || shape.count == 0) {
    text = untyped(bytes, bytes.size() == size, memory);
  } else if (Printer printer(memory); shape.is_array) {
    text = printer.array(*shape.type, shape.count, bytes.subspan(shape.offset));
  } else {
    text = printer.element(*shape.type, bytes.subspan(shape.offset));
  }
  if (text.size() > kLongestPreview) {
    text.resize(kLongestPreview - kMore.size());
    text += kMore;
  }
  return text;
}

}  // namespace memsnap
