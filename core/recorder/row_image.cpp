#include "core/recorder/row_image.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

namespace memsnap {
namespace {

using layout::RowRule;

constexpr std::uint32_t kUncovered = layout::pack_row(RowRule::uncovered, 0, 0);
constexpr std::uint32_t kUnsupported = layout::pack_row(RowRule::unsupported, 0, 0);
constexpr std::int32_t kSlot = kWord;  // signed, as offsets are

std::optional<std::uint32_t> packed_rbp(std::int32_t offset) {
  if (offset == UnwindRow::kRbpUnchanged) {
    return layout::kRbpUnchanged;
  }
  constexpr auto kFarthest = -kSlot * static_cast<std::int32_t>(layout::kRbpUnchanged - 1);
  if (offset > 0 || offset < kFarthest || offset % kSlot != 0) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(-offset / kSlot);
}

std::uint32_t packed_offset(RowRule rule, std::int32_t cfa, std::int32_t rbp, std::int32_t unit) {
  const auto slot = packed_rbp(rbp);
  if (!slot || cfa < 0 || cfa % unit != 0 || cfa / unit > static_cast<std::int32_t>(layout::kMostCfa)) {
    return kUnsupported;
  }
  return layout::pack_row(rule, static_cast<std::uint32_t>(cfa / unit), *slot);
}

std::uint32_t packed(const UnwindRow& row) {
  switch (row.rule) {
    case CfaRule::rsp_offset:
      return packed_offset(RowRule::rsp_offset, row.cfa_offset, row.rbp_offset, kSlot);
    case CfaRule::rbp_offset:
      return packed_offset(RowRule::rbp_offset, row.cfa_offset, row.rbp_offset, kSlot);
    case CfaRule::plt:
      return packed_offset(RowRule::plt, row.cfa_offset, row.rbp_offset, 1);
    case CfaRule::signal_frame:
      return layout::pack_row(RowRule::signal_frame, 0, 0);
    case CfaRule::outermost:
      return layout::pack_row(RowRule::outermost, 0, 0);
    case CfaRule::uncovered:
      return kUncovered;
    case CfaRule::unsupported:
      break;
  }
  return kUnsupported;
}

void append(std::vector<layout::Row>& rows, layout::Row row) {
  // Of rows that begin at the same place the last one is in force.
  if (!rows.empty() && rows.back().begin == row.begin) {
    rows.pop_back();
  }
  if (rows.empty() || rows.back().packed != row.packed) {
    rows.push_back(row);
  }
}

std::vector<std::uint32_t> make_index(const std::vector<layout::Row>& rows) {
  std::vector<std::uint32_t> index(rows.back().begin / layout::kIndexStep + 1);
  std::size_t next = 0;  // the first entry that is not filled in
  for (std::uint32_t number = 0; number + 1 < rows.size(); ++number) {
    const std::size_t end = (rows[number + 1].begin - 1) / layout::kIndexStep + 1;
    while (next < end) {
      index[next++] = number;
    }
  }
  while (next < index.size()) {
    index[next++] = static_cast<std::uint32_t>(rows.size() - 1);
  }
  return index;
}

}  // namespace

RowImage make_row_image(const UnwindTable& table) {
  RowImage image;
  const auto& rows = table.rows();
  if (rows.empty() || rows.front().begin >= table.end()) {
    return image;
  }
  image.first = rows.front().begin / layout::kIndexStep * layout::kIndexStep;
  const auto size =
      std::min<std::uint64_t>(table.end() - image.first, std::numeric_limits<decltype(layout::Row::begin)>::max());
  image.rows.reserve(rows.size() + 2);
  image.rows.push_back({0, kUncovered});
  for (const auto& row : rows) {
    if (row.begin - image.first >= size) {
      break;
    }
    append(image.rows, {static_cast<std::uint32_t>(row.begin - image.first), packed(row)});
  }
  append(image.rows, {static_cast<std::uint32_t>(size), kUncovered});
  image.index = make_index(image.rows);
  return image;
}

std::vector<std::byte> make_module_list(std::span<const layout::ModuleRows> modules) {
  const layout::ModuleList head{modules.size()};
  std::vector<std::byte> bytes(sizeof head + modules.size_bytes());
  std::memcpy(bytes.data(), &head, sizeof head);
  if (!modules.empty()) {
    std::memcpy(bytes.data() + sizeof head, modules.data(), modules.size_bytes());
  }
  return bytes;
}

}  // namespace memsnap
