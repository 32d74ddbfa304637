#include "plugin/recorder/inferior_mappings.h"

#include <algorithm>
#include <span>

namespace memsnap {
namespace {

constexpr std::size_t kPage = 4096;

constexpr char kNames[] = "memsnap\0memsnap code\0memsnap data";
constexpr std::size_t kCodeName = sizeof "memsnap";
constexpr std::size_t kDataName = kCodeName + sizeof "memsnap code";

}  // namespace

Result<Address> InferiorMappings::map(std::size_t size, Protection protection, std::optional<Address> at) {
  const auto call = [this](const SystemCall& what) { return debugger_.system_call(what); };
  if (!names_) {
    auto named = map_names();
    if (!named) {
      return named;
    }
  }
  const bool is_code = protection == Protection::read_execute;
  // Data in a file would be there twice: as the file's, and as the process' own.
  auto mapped = is_code ? map_named_memory(call, size, protection, at, names_) : fail(Code::unsupported, "");
  if (!mapped) {
    mapped = map_memory(call, size, protection, at);
    if (!mapped) {
      return mapped;
    }
    name_memory(call, {*mapped, *mapped + size}, names_ + (is_code ? kCodeName : kDataName));
  }
  ranges_.push_back(AddressRange{*mapped, *mapped + size});
  return mapped;
}

// The kernel reads names in the process.
Result<Address> InferiorMappings::map_names() {
  const auto call = [this](const SystemCall& what) { return debugger_.system_call(what); };
  const auto mapped = map_memory(call, kPage, Protection::read_write, std::nullopt);
  if (!mapped) {
    return mapped;
  }
  ranges_.push_back(AddressRange{*mapped, *mapped + kPage});
  if (auto written = debugger_.write(*mapped, std::as_bytes(std::span(kNames))); !written) {
    return std::unexpected(written.error());
  }
  names_ = *mapped;
  name_memory(call, ranges_.back(), names_ + kDataName);
  return mapped;
}

Result<void> InferiorMappings::unmap(AddressRange range) {
  return unmap_memory([this](const SystemCall& what) { return debugger_.system_call(what); }, range);
}

bool InferiorMappings::may_be_in_use(OsThreadId thread) const {
  const auto pc = debugger_.read_register(thread, Register::rip);
  return !pc || std::ranges::any_of(ranges_, [&](const AddressRange& range) { return range.contains({*pc}); });
}

void InferiorMappings::unmap_all() {
  if (std::ranges::any_of(debugger_.threads(), [this](OsThreadId thread) { return may_be_in_use(thread); })) {
    return;
  }
  const auto call = [this](const SystemCall& what) { return debugger_.system_call(what); };
  names_ = {};
  std::erase_if(ranges_, [&](const AddressRange& range) { return unmap_memory(call, range).has_value(); });
}

std::uint64_t InferiorMappings::bytes() const {
  std::uint64_t all = 0;
  for (const auto& range : ranges_) {
    all += range.end - range.begin;
  }
  return all;
}

}  // namespace memsnap
