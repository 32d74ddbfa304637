#pragma once

#include <elfutils/libdw.h>

#include <deque>
#include <unordered_map>

#include "core/heap/type.h"

namespace memsnap {

/// Reads types from a file's DWARF, each once. Never fails: what is broken or missing makes an opaque type.
class DwarfTypes {
 public:
  /// The type of a DIE that is one. Valid as long as this object.
  const Type& read(const Dwarf_Die& type);

 private:
  const Type& read(Dwarf_Die type, int depth);
  void fill(Type& type, Dwarf_Die die, int depth);
  bool make_storage(Type& type, Dwarf_Die die, int depth);
  void add_members(Type& type, Dwarf_Die die, int depth);
  void add_member(Type& type, Dwarf_Die die, int depth);
  void make_array(Type& type, Dwarf_Die die, int depth);

  std::deque<Type> types_;
  std::unordered_map<const void*, const Type*> known_;  // by DIE
};

}  // namespace memsnap
