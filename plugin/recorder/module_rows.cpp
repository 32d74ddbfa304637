#include "plugin/recorder/module_rows.h"

#include <algorithm>
#include <span>
#include <vector>

namespace memsnap {

Result<const UploadedRows*> ModuleRows::upload(ModuleId id, const Module& module) {
  // The same file has the same rows, wherever it is mapped.
  const std::pair key(module.path, module.build_id);
  if (const auto known = uploaded_.modules.find(key); known != uploaded_.modules.end()) {
    return &known->second;
  }
  UploadedRows uploaded;
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
  return &uploaded_.modules.emplace(key, uploaded).first->second;
}

Result<Address> ModuleRows::update(const ModuleMap& modules, const ModuleTable& names) {
  std::vector<layout::ModuleRows> all;
  for (const auto& module : modules.modules()) {
    const auto uploaded = upload(module.id, names.get(module.id));
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
  auto& list = uploaded_.lists.at(uploaded_.next_list);
  uploaded_.next_list = 1 - uploaded_.next_list;
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

void ModuleRows::adopt(RowNotes notes) {
  uploaded_ = std::move(notes);
  std::erase_if(uploaded_.modules, [](const auto& each) { return each.first.second.empty(); });
}

}  // namespace memsnap
