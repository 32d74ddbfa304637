#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace memsnap {

/// The types of a file's DWARF by their qualified canonical names (see type_name.h).
///
/// Reads unit after unit, and only as far as it takes to find what is asked for; each once. Classes in functions are
/// not among them.
class TypeIndex {
 public:
  /// Called now and then; false stops the work, and what is asked for is then not found. May be empty.
  using GoesOn = std::function<bool()>;
  /// A name in this index.
  using NameId = std::uint32_t;
  using UnitTypes = std::vector<std::pair<NameId, Dwarf_Die>>;

  /// `dwarf` must outlive this.
  explicit TypeIndex(Dwarf* dwarf);

  /// The DIE that defines the type of this name. `home` is the unit that speaks of it, by its own DIE or its
  /// skeleton's, or nullptr: in C, and in anonymous namespaces, units mean each their own type by a name. nullopt where
  /// there is none, and where only other units than that have it and mean types of different sizes.
  std::optional<Dwarf_Die> find(const std::string& name, const Dwarf_Die* home, const GoesOn& goes_on);

  /// All types that a unit defines, ascending by name id. Valid as long as this object.
  const UnitTypes& types_of(const Dwarf_Die& unit) { return home_of(unit).types; }
  const std::string& name(NameId id) const { return *names_[id]; }

  /// The qualified canonical name of a type's DIE; empty where it cannot be told.
  std::string name_of(Dwarf_Die type);

 private:
  struct Key {
    NameId parent = 0;
    const char* name = nullptr;  // as libdw has it: most names of a file are stored once
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<const void*>()(key.name) * 31 + key.parent;
    }
  };
  struct Level {
    Dwarf_Die die{};
    NameId parent = 0;
  };
  struct Definition {
    Dwarf_Die die{};
    std::int64_t size = 0;
    bool is_ambiguous = false;
  };
  // A unit in full. There can be thousands, so they are kept small.
  struct Home {
    UnitTypes types;
    std::vector<std::pair<const void*, NameId>> names;  // by DIE, declarations as well; ascending
  };

  const Home& home_of(const Dwarf_Die& unit);
  std::optional<Dwarf_Die> find_at_home(const Dwarf_Die& unit, const std::string& name);
  std::optional<Dwarf_Die> find_by_value(const UnitTypes& types, const std::string& name) const;
  const Definition* definition(const std::string& name) const;
  bool read_next_unit();
  void read_once(const Dwarf_Die& contents);
  void read(const Dwarf_Die& contents, Home* home);
  // What its children are in; nullopt where they need no visit.
  std::optional<NameId> enter(const Level& level, Home* home);
  void define(NameId id, const Dwarf_Die& die);
  NameId scope(NameId parent, const char* name);
  NameId intern(std::string name);

  Dwarf* dwarf_;
  Dwarf_CU* last_unit_ = nullptr;
  bool has_all_ = false;
  std::unordered_map<std::string, NameId> ids_;
  std::vector<const std::string*> names_;  // by NameId; 0 is what holds everything
  std::unordered_map<Key, NameId, KeyHash> scopes_;
  std::unordered_map<NameId, Definition> types_;
  std::unordered_set<const void*> read_;         // units, by DIE
  std::unordered_map<const void*, Home> homes_;  // by unit DIE
};

/// The DIE that holds a unit's contents: that of the separate file, for a skeleton.
Dwarf_Die contents_of(Dwarf_Die unit);

}  // namespace memsnap
