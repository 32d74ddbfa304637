#include "plugin/recorder/module_rows.h"

#include <algorithm>
#include <span>
#include <vector>

namespace memsnap {

Result<const UploadedRows*> ModuleRows::upload(ModuleId id, const ModuleTable& names) {
  if (const auto known = uploaded_.find(id); known != uploaded_.end()) {
    return &known->second;
  }
  // The same file has the same rows, wherever it is mapped.
  const auto& module = names.get(id);
  for (const auto& [noted, rows] : known_.modules) {
    if (noted.path == module.path && noted.build_id == module.build_id && !module.build_id.empty()) {
      return &uploaded_.emplace(id, rows).first->second;
    }
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
  return &uploaded_.emplace(id, uploaded).first->second;
}

Result<Address> ModuleRows::update(const ModuleMap& modules, const ModuleTable& names) {
  std::vector<layout::ModuleRows> all;
  for (const auto& module : modules.modules()) {
    const auto uploaded = upload(module.id, names);
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
  auto& list = known_.lists.at(known_.next_list);
  known_.next_list = 1 - known_.next_list;
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

RowNotes ModuleRows::notes(const ModuleTable& names) const {
  auto notes = known_;
  for (const auto& [id, rows] : uploaded_) {
    const auto& module = names.get(id);
    const auto is_same = [&](const auto& noted) {
      return noted.first.path == module.path && noted.first.build_id == module.build_id;
    };
    if (!module.build_id.empty() && std::ranges::none_of(notes.modules, is_same)) {
      notes.modules.emplace_back(module, rows);
    }
  }
  return notes;
}

void ModuleRows::adopt(RowNotes notes) { known_ = std::move(notes); }

}  // namespace memsnap
