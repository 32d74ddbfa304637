#pragma once

#include "core/recorder/code/live_sum.h"
#include "core/recorder/code/threads.h"

/// The limit that the user has set to one call site. Which origins are charged to it is for the debugger to say: of
/// those that have come since it did, as much as they ever gave is taken to be live there, and once that could be too
/// much the debugger is asked.
namespace memsnap::recorder {

// What origins at the site have live. Within the limit it can be passed anew.
inline std::int64_t change_site(SiteLimit& site, std::int64_t bytes) {
  const auto live = __atomic_add_fetch(&site.live, bytes, __ATOMIC_RELAXED);
  if (bytes < 0 && live <= site.bytes && __atomic_load_n(&site.is_past, __ATOMIC_RELAXED) != 0) {
    __atomic_store_n(&site.is_past, 0, __ATOMIC_RELAXED);
  }
  return live;
}

// After a block has come to the books. Returns whether the debugger has to be asked.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool given_at_site(Control& control,
                                                                            const OriginRecord& origin,
                                                                            std::uint64_t size) {
  auto& site = control.site_limit;
  const auto bytes = static_cast<std::int64_t>(size);
  std::int64_t most = 0;  // that can be live there
  if (origin.place == Place::at_site) {
    most = change_site(site, bytes) + __atomic_load_n(&site.unknown, __ATOMIC_RELAXED);
  } else if (origin.place == Place::unknown) {
    most = __atomic_add_fetch(&site.unknown, bytes, __ATOMIC_RELAXED) + __atomic_load_n(&site.live, __ATOMIC_RELAXED);
  } else {
    return false;
  }
  return most > site.bytes && __atomic_load_n(&site.is_past, __ATOMIC_RELAXED) == 0 &&
         __atomic_exchange_n(&site.asks, 1, __ATOMIC_RELAXED) == 0;
}

// After one has gone from them.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void taken_from_site(Control& control, BlockEntry block) {
  if (origin_record(control, block_origin(block))->place == Place::at_site) {
    change_site(control.site_limit, -static_cast<std::int64_t>(block_size(block)));
  }
}

}  // namespace memsnap::recorder
