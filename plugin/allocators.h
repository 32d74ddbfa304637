#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/elf/elf_file.h"

namespace memsnap {

/// What an entry point does.
enum class CallKind : std::uint8_t {
  allocate,      ///< returns a block or null
  allocate_out,  ///< stores the block through its pointer argument and returns 0, or an error number
  reallocate,    ///< takes a block and returns another, or null: the old one stays
  free,          ///< takes a block back
  free_all,      ///< takes back all that a pool has given
};

/// Whether it gives a block where it succeeds.
constexpr bool gives_block(CallKind kind) { return kind != CallKind::free && kind != CallKind::free_all; }

/// An allocator entry point by its symbol. Arguments are numbered as in layout::Site: from 0 on, -1 where there is
/// none.
struct EntryPointSpec {
  std::string_view name{};  ///< as in the symbol table; of the user's own as the user said it
  std::string_view domain{};
  CallKind kind = CallKind::allocate;
  std::int8_t pointer = -1;  ///< the block taken; for allocate_out where the block's address is stored
  std::int8_t size = -1;
  std::int8_t count = -1;   ///< multiplies `size`
  bool is_plain = true;     ///< one of the C or C++ library's own names: local symbols of that name are somebody else's
  std::int8_t pool = -1;    ///< which of several pools; the same for all blocks that a free_all of it takes
  std::uint64_t bytes = 0;  ///< the size where no argument says it
  bool is_own = false;      ///< of a pool of the user's own: its blocks may lie where others' do
};

/// Every entry point known, in order of preference among names of one address.
const std::vector<EntryPointSpec>& known_entry_points();

/// A C++ `operator new` in a C++ library, which calls malloc: what it returns belongs to the domain `new`.
bool is_operator_new(std::string_view symbol);

/// The same for `operator delete`, which calls free.
bool is_operator_delete(std::string_view symbol);

/// An entry point in a module's file.
struct EntryPoint {
  EntryPointSpec spec;
  std::uint64_t offset = 0;   ///< as the file counts
  std::uint64_t size = 0;     ///< of its code
  std::uint64_t room = 0;     ///< bytes up to the next symbol, or about as many as `size` where there is none
  std::uint8_t families = 0;  ///< as in layout::Site, of all the names that it has
};

/// Calls `visit` with each function of a module's file, and of its debug file where there is one.
void for_each_function(const ElfFile& file, const ElfFile* debug_file,
                       const std::function<void(const ElfSymbol&)>& visit);

/// Puts entry points of a module in order, and finds out how much room each has.
void order_and_measure(std::vector<EntryPoint>& entry_points, const ElfFile& file, const ElfFile* debug_file);

/// Which C library a module is, or has in it.
enum class CLibrary : std::uint8_t { none, gnu, musl };

/// What a module has for us, from its symbols. All addresses as the file counts.
struct ModuleEntryPoints {
  std::vector<EntryPoint> entry_points;    ///< ascending by offset, each address once
  std::vector<AddressRange> operator_new;  ///< code of `operator new`s that are not entry points
  /// The same for `operator delete`; `passing_deletes` are those that all others go on to, and that end in free.
  std::vector<AddressRange> operator_delete;
  std::vector<AddressRange> passing_deletes;
  /// Whether an operator of C++ that it may have would be known: its symbols were not stripped, or are not needed.
  bool names_operators = false;
  bool is_dynamic_loader = false;
  std::vector<AddressRange> find_fde;     ///< code of the C++ run time's search for unwind information
  std::vector<AddressRange> exits;        ///< code of the C library's functions that end the process
  std::vector<AddressRange> other_exits;  ///< the same of run times that have stacks of their own
  AddressRange prctl;                     ///< of a C library: the functions by which a process
  AddressRange syscall;                   ///< comes to put a filter of system calls on itself
  CLibrary c_library = CLibrary::none;
  /// The shared glibc, where its malloc, calloc and free call no other entry point and none of the program's functions,
  /// and use the thread's own memory.
  bool is_glibc = false;
  std::uint64_t init_array = 0;  ///< of a C library: as ElfFile::init_array
};

/// Looks through a module's symbols (`debug_file`'s too where it is given). A dynamic loader's private malloc is left
/// out, and so are the C++ library's operators, which only pass on to malloc.
ModuleEntryPoints find_entry_points(const ElfFile& file, std::string_view path, const ElfFile* debug_file);

}  // namespace memsnap
