#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memsnap {

struct Type;

/// A part of a class, struct or union: a member, or a base class.
struct Member {
  std::string name;          ///< empty for a base class, and for an anonymous struct or union
  std::uint64_t offset = 0;  ///< bytes from the start of what it is in
  const Type* type = nullptr;
  bool is_base = false;
  std::uint32_t bit_offset = 0;  ///< of a bit field, from `offset` on
  std::uint32_t bits = 0;        ///< of a bit field; 0 for any other
};

/// A type as its bytes are read. Without typedefs and const, which change nothing of that.
struct Type {
  enum class Kind : std::uint8_t {
    opaque,  ///< something that cannot be shown
    boolean,
    character,
    signed_integer,
    unsigned_integer,
    floating,
    enumeration,
    pointer,  ///< references too
    array,
    record,     ///< class, struct
    alternates  ///< union
  };
  struct Enumerator {
    std::string name;
    std::int64_t value = 0;
  };

  Kind kind = Kind::opaque;
  std::string name;                     ///< as the debug information has it, without what it is in
  std::uint64_t size = 0;               ///< bytes; 0 where that is not known
  std::vector<Member> members;          ///< by offset, without virtual bases; of a record, a union
  const Type* element = nullptr;        ///< of an array
  std::uint64_t count = 0;              ///< elements of an array; 0 where that is not known
  std::vector<Enumerator> enumerators;  ///< of an enumeration
  bool is_storage = false;              ///< bytes that libstdc++ keeps for an object, which is the one member, unnamed

  bool is_class() const { return kind == Kind::record || kind == Kind::alternates; }
};

/// What is at `offset` in a value of this type: `name._M_dataplus._M_p`, `children[3]`, with `+2` behind where it is
/// inside of what has no parts. Empty at offset 0 of a type without parts, and in padding.
std::string member_path(const Type& type, std::uint64_t offset);

/// An arithmetic type, or a pointer, by its canonical name, as it is on x86-64 Linux; nullptr for another name. What a
/// unit never names it has no debug information of.
const Type* builtin_type(std::string_view name);

/// A member by its name, here or in the base classes, with its offset from the start of `type`.
std::optional<Member> find_member(const Type& type, std::string_view name);

}  // namespace memsnap
