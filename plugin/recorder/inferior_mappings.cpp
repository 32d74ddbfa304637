#include "plugin/recorder/inferior_mappings.h"

#include <algorithm>

namespace memsnap {
namespace {

constexpr char kNames[] = "memsnap\0memsnap code\0memsnap data";
constexpr std::size_t kCodeName = sizeof "memsnap";
constexpr std::size_t kDataName = kCodeName + sizeof "memsnap code";

}  // namespace

bool may_run_in(Debugger& debugger, std::span<const AddressRange> ranges) {
  return std::ranges::any_of(debugger.threads(), [&](OsThreadId thread) {
    const auto pc = debugger.read_register(thread, Register::rip);
    return !pc || std::ranges::any_of(ranges, [&](const AddressRange& range) { return range.contains({*pc}); });
  });
}

SystemCaller InferiorMappings::caller() {
  return [this](const SystemCall& call) { return debugger_.system_call(call); };
}

Address InferiorMappings::keep(Address begin, std::size_t size) {
  ranges_.push_back(AddressRange{begin, begin + size});
  return begin;
}

Result<Address> InferiorMappings::map(std::size_t size, Protection protection, std::optional<Address> at) {
  if (auto named = names_ ? Result<void>() : map_names(); !named) {
    return std::unexpected(named.error());
  }
  // Data in a file would be there twice: as the file's, and as the process' own.
  const bool is_code = protection == Protection::read_execute;
  if (is_code) {
    if (const auto mapped = map_named_memory(caller(), size, protection, at, names_)) {
      return keep(*mapped, size);
    }
  }
  const auto mapped = map_memory(caller(), size, protection, at);
  if (!mapped) {
    return mapped;
  }
  name_memory(caller(), {*mapped, *mapped + size}, names_ + (is_code ? kCodeName : kDataName));
  return keep(*mapped, size);
}

// The kernel reads names in the process.
Result<void> InferiorMappings::map_names() {
  const auto mapped = map_memory(caller(), kPage, Protection::read_write, std::nullopt);
  if (!mapped) {
    return std::unexpected(mapped.error());
  }
  keep(*mapped, kPage);
  if (auto written = debugger_.write(*mapped, std::as_bytes(std::span(kNames))); !written) {
    return written;
  }
  names_ = *mapped;
  name_memory(caller(), ranges_.back(), names_ + kDataName);
  return {};
}

Result<void> InferiorMappings::unmap(AddressRange range) { return unmap_memory(caller(), range); }

void InferiorMappings::unmap_all() {
  if (may_run_in(debugger_, ranges_)) {
    return;
  }
  names_ = {};
  std::erase_if(ranges_, [this](const AddressRange& range) { return unmap(range).has_value(); });
}

std::uint64_t InferiorMappings::bytes() const {
  std::uint64_t all = 0;
  for (const auto& range : ranges_) {
    all += range.end - range.begin;
  }
  return all;
}

}  // namespace memsnap
