#include "plugin/recorder/module_rows.h"

#include <algorithm>
#include <span>
#include <vector>

namespace memsnap {

Result<const ModuleRows::Uploaded*> ModuleRows::upload(ModuleId id) {
  if (const auto known = uploaded_.find(id); known != uploaded_.end()) {
    return &known->second;
  }
  Uploaded uploaded;
  if (const auto* table = tables_.table(id); table != nullptr && table->size() > 0) {
    const auto image = make_row_image(*table);
    const auto rows = arena_.put(std::as_bytes(std::span(image.rows)));
    if (!rows) {
      return std::unexpected(rows.error());
    }
    const auto index = arena_.put(std::as_bytes(std::span(image.index)));
    if (!index) {
      return std::unexpected(index.error());
    }
    uploaded = {image.first, *rows, *index, static_cast<std::uint32_t>(image.rows.size()),
                static_cast<std::uint32_t>(image.index.size())};
  }
  return &uploaded_.emplace(id, uploaded).first->second;
}

Result<Address> ModuleRows::update(const ModuleMap& modules) {
  std::vector<layout::ModuleRows> all;
  for (const auto& module : modules.modules()) {
    const auto uploaded = upload(module.id);
    if (!uploaded) {
      return std::unexpected(uploaded.error());
    }
    const auto& rows = **uploaded;
    for (const auto& segment : module.segments) {
      all.push_back({segment.begin.value, segment.end.value, rows.first + module.bias, rows.rows.value,
                     rows.index.value, rows.row_count, rows.index_count});
    }
  }
  std::ranges::sort(all, {}, &layout::ModuleRows::begin);
  const auto bytes = make_module_list(all);
  auto& list = lists_[next_list_];
  next_list_ = 1 - next_list_;
  if (list.size < bytes.size()) {
    // Room for as many again, or a program that loads one module after the other would leave a trail of lists.
    const auto room = arena_.take(bytes.size() * 2);
    if (!room) {
      return room;
    }
    list = {*room, bytes.size() * 2};
  }
  if (auto written = debugger_.write(list.address, bytes); !written) {
    return std::unexpected(written.error());
  }
  return list.address;
}

}  // namespace memsnap
