#include "core/trace/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/module.h"

namespace memsnap {
namespace {

// Functions of allocators. Prefixes are those of jemalloc (je_, and _rjem_ as Rust builds it), tcmalloc and mimalloc.
constexpr auto kAllocatorFunctions = std::to_array<std::string_view>({
    "operator new*",
    "operator delete*",
    "__cxa_allocate_*",
    "__cxa_vec_new*",
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "free",
    "free_sized",
    "free_aligned_sized",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "mallocx",
    "rallocx",
    "xallocx",
    "dallocx",
    "sdallocx",
    "__libc_*alloc*",
    "__libc_memalign",
    "__libc_free",
    "je_*alloc*",
    "je_*memalign",
    "je_free*",
    "_rjem_*",
    "tc_*alloc*",
    "tc_*memalign",
    "tc_new*",
    "tc_delete*",
    "tc_free*",
    "mi_*alloc*",
    "mi_*memalign",
    "mi_new*",
    "mi_free*",
    "_mi_*",
});

constexpr auto kAllocatorModules = std::to_array<std::string_view>({
    "libjemalloc*.so*",
    "libtcmalloc*.so*",
    "libmimalloc*.so*",
    "vgpreload_*.so",
    "libasan.so*",
    "libhwasan.so*",
    "liblsan.so*",
    "libtsan.so*",
    "libclang_rt.*.so",
});

// The C++ standard library's headers, and the runtime libraries. Without debug information their frames are hidden
// anyway; the source paths are for programs that are linked statically, where no module's name tells.
constexpr auto kLibraries = std::to_array<std::string_view>({
    "/usr/include/c++/*", "/usr/include/*/c++/*",
    "*/include/c++/*",    "*/include/c++/v1/*",
    "*/libstdc++-v3/*",   "*/libcxx/src/*",
    "*/libcxx/include/*", "*/libcxxabi/src/*",
    "*/glibc-[0-9]*/*",   "./csu/*",
    "../csu/*",           "../sysdeps/*",
    "libstdc++.so*",      "libc++.so*",
    "libc++abi.so*",      "libgcc_s.so*",
    "libc.so*",           "libc-2.*.so",
    "libc.musl-*.so*",    "ld-musl-*.so*",
    "ld-linux*.so*",      "ld-2.*.so",
    "libpthread*.so*",    "libdl.so*",
    "libdl-2.*.so",       "libm.so*",
    "libm-2.*.so",        "librt.so*",
    "librt-2.*.so",
});

bool any_matches(std::span<const std::string_view> patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) { return glob_matches(pattern, text); });
}

bool is_plain_word(std::string_view pattern) { return pattern.find_first_of("*?[/.") == std::string_view::npos; }

}  // namespace

bool is_allocator(const Frame& frame) {
  return any_matches(kAllocatorFunctions, frame.function) ||
         any_matches(kAllocatorFunctions, bare_function_name(frame.function)) ||
         any_matches(kAllocatorModules, base_name(frame.module));
}

HideRules::HideRules() { reset(); }

bool HideRules::hides(const Frame& frame) const {
  return !frame.has_line() || matches(Kind::file, frame.file) || matches(Kind::function, frame.function) ||
         matches(Kind::module, frame.module);
}

Result<void> HideRules::add(std::string pattern) {
  if (pattern.empty()) {
    return fail(Code::usage, "an empty pattern hides nothing; give a glob on a file's path, a module or a function");
  }
  if (std::ranges::find(patterns_, pattern) != patterns_.end()) {
    return fail(Code::usage, fmt::format("'{}' is a hide rule already", pattern));
  }
  patterns_.push_back(std::move(pattern));
  changed();
  return {};
}

Result<void> HideRules::remove(std::string_view pattern) {
  const auto entry = std::ranges::find(patterns_, pattern);
  if (entry == patterns_.end()) {
    return fail(Code::not_found, fmt::format("no hide rule '{}'; 'memsnap hide list' shows the {} there are", pattern,
                                             patterns_.size()));
  }
  patterns_.erase(entry);
  changed();
  return {};
}

void HideRules::reset() {
  patterns_.clear();
  for (const auto defaults :
       {std::span<const std::string_view>(kAllocatorFunctions), std::span<const std::string_view>(kAllocatorModules),
        std::span<const std::string_view>(kLibraries)}) {
    patterns_.insert(patterns_.end(), defaults.begin(), defaults.end());
  }
  changed();
}

// A stack names the same few files, functions and modules again and again, so each is matched once.
bool HideRules::matches(Kind kind, const std::string& text) const {
  if (text.empty()) {
    return false;
  }
  const auto [entry, is_new] = known_[static_cast<std::size_t>(kind)].try_emplace(text, false);
  if (is_new) {
    const auto shorter = kind == Kind::function ? bare_function_name(text)
                         : kind == Kind::module ? base_name(text)
                                                : std::string_view(text);
    entry->second = std::ranges::any_of(patterns_, [&](const std::string& pattern) {
      return (kind == Kind::function || !is_plain_word(pattern)) &&
             (glob_matches(pattern, text) || glob_matches(pattern, shorter));
    });
  }
  return entry->second;
}

void HideRules::changed() {
  ++version_;
  for (auto& known : known_) {
    known.clear();
  }
}

bool Filter::matches(const Frame& frame) const {
  if (line != 0 && line != frame.line) {
    return false;
  }
  return frame.file.empty() ? glob_matches(pattern, module_function(frame))
                            : glob_matches(pattern, frame.file) || glob_matches(pattern, base_name(frame.file));
}

}  // namespace memsnap
