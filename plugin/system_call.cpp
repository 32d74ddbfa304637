#include "plugin/system_call.h"

#include <fmt/format.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

namespace memsnap {
namespace {

// The kernel gives the negative number of an error, of which there are less than a page.
constexpr std::int64_t kLeastError = -4095;

constexpr std::array kInstruction = {std::byte{0x0f}, std::byte{0x05}};

std::optional<Address> find_in(AddressRange range, MemoryReader& memory) {
  std::vector<std::byte> code(std::size_t{1} << 16);
  // Each piece takes up again the last byte of the one before.
  for (auto at = range.begin; at < range.end; at = at + (code.size() - 1)) {
    const auto got = memory.read(at, std::span(code).first(std::min<std::uint64_t>(code.size(), range.end - at)));
    const auto found = std::ranges::search(std::span(code).first(got), kInstruction);
    if (!found.empty()) {
      return at + static_cast<std::uint64_t>(found.data() - code.data());
    }
    if (got < code.size()) {
      break;
    }
  }
  return std::nullopt;
}

constexpr auto kNoFile = ~std::uint64_t{0};

Result<Address> map(const SystemCaller& call, std::size_t size, Protection protection, std::optional<Address> at,
                    std::uint64_t more_flags, std::uint64_t file) {
  const std::uint64_t access = protection == Protection::read_write ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC;
  const std::uint64_t flags = MAP_PRIVATE | more_flags | (at ? MAP_FIXED_NOREPLACE : 0);
  const auto begin = at.value_or(Address{}).value;
  const auto mapped = call({SYS_mmap, {begin, size, access, flags, file, 0}});
  if (!mapped) {
    return std::unexpected(mapped.error());
  }
  if (*mapped < 0 && *mapped >= kLeastError) {
    const auto error = static_cast<int>(-*mapped);
    const bool is_taken = at && (error == EEXIST || error == EPERM || error == ENOMEM);
    return fail(is_taken ? Code::unmapped : Code::debugger,
                fmt::format("no memory can be mapped in the process: {}", std::generic_category().message(error)),
                at.value_or(Address{}));
  }
  const Address address{static_cast<std::uint64_t>(*mapped)};
  if (at && address != *at) {
    // Linux before 4.17 does not know the flag, and maps where it likes.
    if (const auto unmapped = call({SYS_munmap, {address.value, size}}); !unmapped) {
      return std::unexpected(unmapped.error());
    }
    return fail(Code::unmapped, fmt::format("no memory can be mapped at {:#x}", at->value), *at);
  }
  return address;
}

}  // namespace

std::array<std::pair<Register, std::uint64_t>, 7> SystemCall::registers() const {
  return {{{Register::rax, number},
           {Register::rdi, arguments[0]},
           {Register::rsi, arguments[1]},
           {Register::rdx, arguments[2]},
           {Register::r10, arguments[3]},
           {Register::r8, arguments[4]},
           {Register::r9, arguments[5]}}};
}

std::optional<Address> find_system_call(std::span<const Mapping> mappings, MemoryReader& memory) {
  for (const bool in_vdso : {true, false}) {
    for (const auto& mapping : mappings) {
      // [vsyscall] looks like code, and is none: the kernel takes a jump there for a call.
      const bool fits = in_vdso ? mapping.path == "[vdso]" : mapping.path.starts_with('/');
      if (fits && mapping.is_executable()) {
        if (const auto found = find_in(mapping.range, memory)) {
          return found;
        }
      }
    }
  }
  return std::nullopt;
}

Result<Address> map_memory(const SystemCaller& call, std::size_t size, Protection protection,
                           std::optional<Address> at) {
  return map(call, size, protection, at, MAP_ANONYMOUS, kNoFile);
}

Result<Address> map_named_memory(const SystemCaller& call, std::size_t size, Protection protection,
                                 std::optional<Address> at, Address name) {
  const auto file = call({SYS_memfd_create, {name.value, MFD_CLOEXEC}});
  if (!file) {
    return std::unexpected(file.error());
  }
  if (*file < 0) {
    return fail(Code::unsupported, "the process cannot have a file of memory");
  }
  const auto descriptor = static_cast<std::uint64_t>(*file);
  const auto sized = call({SYS_ftruncate, {descriptor, size}});
  auto mapped = !sized       ? std::unexpected(sized.error())
                : *sized < 0 ? fail(Code::unsupported, "a file of memory in the process cannot grow")
                             : map(call, size, protection, at, 0, descriptor);
  if (const auto closed = call({SYS_close, {descriptor}}); !closed) {
    return std::unexpected(closed.error());
  }
  return mapped;
}

Result<void> unmap_memory(const SystemCaller& call, AddressRange range) {
  const auto unmapped = call({SYS_munmap, {range.begin.value, range.end - range.begin}});
  if (!unmapped) {
    return std::unexpected(unmapped.error());
  }
  if (*unmapped != 0) {
    return fail(Code::debugger, "memory in the process cannot be given back", range.begin);
  }
  return {};
}

void name_memory(const SystemCaller& call, AddressRange range, Address name) {
  static_cast<void>(
      call({SYS_prctl, {PR_SET_VMA, PR_SET_VMA_ANON_NAME, range.begin.value, range.end - range.begin, name.value}}));
}

}  // namespace memsnap
