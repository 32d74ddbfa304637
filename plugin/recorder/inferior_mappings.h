#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/address.h"
#include "core/result.h"
#include "plugin/debugger.h"
#include "plugin/system_call.h"

namespace memsnap {

/// Whether a thread of the process is at an instruction in one of these ranges, or cannot be asked where it is.
bool may_run_in(Debugger& debugger, std::span<const AddressRange> ranges);

/// What is mapped in the inferior from here. /proc/PID/maps shows code as `/memfd:memsnap (deleted)`, and data, where
/// the kernel can do that, as `[anon:memsnap data]`.
class InferiorMappings {
 public:
  explicit InferiorMappings(Debugger& debugger) : debugger_(debugger) {}

  /// Maps zeroed private memory; `size` in whole pages, else as map_memory().
  Result<Address> map(std::size_t size, Protection protection, std::optional<Address> at);

  /// Gives memory back that the recorder has mapped by itself.
  Result<void> unmap(AddressRange range);

  /// Gives all of it back. For when nothing in the process leads there any more; left as it is where a thread is there.
  void unmap_all();

  const std::vector<AddressRange>& ranges() const { return ranges_; }
  std::uint64_t bytes() const;

 private:
  SystemCaller caller();
  Address keep(Address begin, std::size_t size);
  Result<void> map_names();

  Debugger& debugger_;
  std::vector<AddressRange> ranges_;
  Address names_;  // in the inferior; 0: not there yet
};

}  // namespace memsnap
