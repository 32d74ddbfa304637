#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/address.h"
#include "core/heap/source_line.h"
#include "core/heap/type_catalog.h"
#include "core/trace/frame.h"

namespace memsnap {

/// The type that a place in code allocates, as far as the code itself tells.
struct AllocationType {
  /// How many of them a block holds.
  enum class Amount : std::uint8_t {
    one,
    many,  ///< as many as somebody asked for
    any    ///< one or many, as the size says
  };

  std::string name;            ///< canonical; empty where it is not known
  const Type* type = nullptr;  ///< nullptr where the debug information does not have it
  Amount amount = Amount::one;
  bool may_have_cookie = false;      ///< their count may stand before them
  bool is_guess = false;             ///< to be believed only where the sizes agree
  ModuleId module = ModuleId::none;  ///< whose code it is

  std::uint64_t size() const;  ///< of one, in bytes; 0 where it is not known
};

/// How many of them are in a block of `size` bytes, and where they begin; nullopt where the sizes do not agree, or the
/// size of one is not known. A cookie of `count` elements is at `offset` - 8, and is the caller's to check.
struct Extent {
  std::uint64_t count = 1;
  std::uint64_t offset = 0;
};
std::optional<Extent> extent_of(const AllocationType& type, std::uint64_t size);

/// Whether `count` blocks of `size` bytes together can be of this type.
bool fits_all(const AllocationType& type, std::uint64_t size, std::uint64_t count);

/// Finds what tracebacks' code allocates.
///
/// In this order: the function of the C++ standard library that called the allocator (`std::allocator<T>::allocate`,
/// `std::make_unique<T>`); DW_AT_LLVM_alloc_type at the call; the constructor that is run on the block (see
/// constructed_at); what the line of source says, where the debug information has a type of that name.
class AllocationTypes {
 public:
  /// A line of source, where it can be read.
  using Sources = std::function<std::optional<std::string>(const std::string& file, std::uint32_t line)>;

  AllocationTypes(TypeCatalog& types, Sources sources) : types_(types), sources_(std::move(sources)) {}

  /// `pcs`: a traceback's return addresses, innermost first. Each is looked into once.
  AllocationType find(std::span<const Pc> pcs);

 private:
  // What code allocates at one step of a traceback; nullopt where it only hands on what an allocator gives.
  std::optional<AllocationType> at(const Pc& pc);
  const Type* lookup(const std::string& name, const Pc& pc);
  std::optional<std::string> told_at_call(const Pc& pc);
  AllocationType of_source(const WrittenAllocation& written, std::string_view function, const Pc& pc);
  std::optional<Dwarf_Die> template_argument(const std::string& parameter, const Pc& pc);

  TypeCatalog& types_;
  Sources sources_;
  std::unordered_map<Pc, std::optional<AllocationType>> known_;
};

}  // namespace memsnap
