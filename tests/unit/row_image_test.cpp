#include "core/recorder/row_image.h"

#include <link.h>

#include <cstring>
#include <random>
#include <string>

#include "core/elf/elf_file.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

using layout::RowRule;

constexpr auto kSame = UnwindRow::kRbpUnchanged;
constexpr auto kUnsupported = layout::pack_row(RowRule::unsupported, 0, 0);
constexpr auto kUncovered = layout::pack_row(RowRule::uncovered, 0, 0);

// The packed row in force at an address of the file, found as the recorder's code does it.
std::uint32_t look_up(const RowImage& image, std::uint64_t address) {
  if (image.rows.empty() || address < image.first) {
    return kUncovered;
  }
  const auto offset = address - image.first;
  const auto step = offset / layout::kIndexStep;
  if (step >= image.index.size()) {
    return kUncovered;
  }
  std::size_t low = image.index[step];
  std::size_t high = step + 1 < image.index.size() ? image.index[step + 1] + 1 : image.rows.size();
  while (high - low > 1) {
    const auto middle = (low + high) / 2;
    (image.rows[middle].begin <= offset ? low : high) = middle;
  }
  return image.rows[low].packed;
}

// The same from the table itself.
std::uint32_t expected(const UnwindTable& table, std::uint64_t address) {
  const auto* row = table.find(address);
  if (row == nullptr) {
    return kUncovered;
  }
  const bool same = row->rbp_offset == kSame;
  const auto slot = -std::int64_t{row->rbp_offset};
  const auto rbp = same ? layout::kRbpUnchanged : static_cast<std::uint32_t>(slot / 8);
  const bool has_rbp = same || (slot >= 0 && slot % 8 == 0 && slot / 8 < layout::kRbpUnchanged);
  const auto cfa = std::int64_t{row->cfa_offset};
  const bool has_cfa = cfa >= 0 && cfa % 8 == 0 && cfa / 8 <= layout::kMostCfa;
  switch (row->rule) {
    case CfaRule::rsp_offset:
    case CfaRule::rbp_offset:
      return !has_cfa || !has_rbp
                 ? kUnsupported
                 : layout::pack_row(row->rule == CfaRule::rsp_offset ? RowRule::rsp_offset : RowRule::rbp_offset,
                                    static_cast<std::uint32_t>(cfa / 8), rbp);
    case CfaRule::plt:
      return has_rbp && cfa >= 0 ? layout::pack_row(RowRule::plt, static_cast<std::uint32_t>(cfa), rbp) : kUnsupported;
    case CfaRule::signal_frame:
      return layout::pack_row(RowRule::signal_frame, 0, 0);
    case CfaRule::outermost:
      return layout::pack_row(RowRule::outermost, 0, 0);
    default:
      return kUnsupported;
  }
}

void check_shape(const RowImage& image) {
  REQUIRE_FALSE(image.rows.empty());
  CHECK(image.first % layout::kIndexStep == 0);
  CHECK(image.rows.front().begin == 0);
  CHECK(image.rows.back().packed == kUncovered);
  CHECK(image.index.size() == image.rows.back().begin / layout::kIndexStep + 1);
  std::size_t disorder = 0;
  for (std::size_t i = 1; i < image.rows.size(); ++i) {
    disorder += image.rows[i - 1].begin >= image.rows[i].begin || image.rows[i - 1].packed == image.rows[i].packed;
  }
  CHECK(disorder == 0);
}

// At every row's begin, around it, around every step of the index and behind the end.
void check_lookups(const UnwindTable& table) {
  const auto image = make_row_image(table);
  check_shape(image);
  std::size_t wrong = 0;
  const auto check = [&](std::uint64_t address) { wrong += look_up(image, address) != expected(table, address); };
  for (const auto& row : table.rows()) {
    check(row.begin - 1);
    check(row.begin);
    check(row.begin + 1);
  }
  for (std::size_t i = 0; i < image.index.size() + 2; ++i) {
    check(image.first + i * layout::kIndexStep - 1);
    check(image.first + i * layout::kIndexStep);
  }
  check(table.end() - 1);
  check(table.end());
  CHECK(wrong == 0);
}

std::string libc_path() {
  std::string path;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        if (std::strstr(info->dlpi_name, "/libc.so") != nullptr) {
          *static_cast<std::string*>(found) = info->dlpi_name;
        }
        return 0;
      },
      &path);
  return path;
}

TEST_CASE("An empty table has an empty image", "[unit][recorder_reader]") {
  for (const auto& table : {UnwindTable(), UnwindTable({{0x1000, CfaRule::rsp_offset, 8, kSame}}, 0x1000)}) {
    const auto image = make_row_image(table);
    CHECK(image.rows.empty());
    CHECK(image.index.empty());
  }
}

TEST_CASE("Rows are packed from a step of the index on", "[unit][recorder_reader]") {
  const UnwindTable table({{0x1810, CfaRule::rsp_offset, 8, kSame},
                           {0x1814, CfaRule::rsp_offset, 16, -16},
                           {0x1900, CfaRule::rbp_offset, 16, -16},
                           {0x2400, CfaRule::uncovered},
                           {0x3000, CfaRule::plt, 11, kSame},
                           {0x3010, CfaRule::signal_frame},
                           {0x3020, CfaRule::outermost},
                           {0x3030, CfaRule::unsupported}},
                          0x3040);
  const auto image = make_row_image(table);
  CHECK(image.first == 0x1800);
  REQUIRE(image.rows.size() == 10);
  CHECK(image.rows[0].packed == kUncovered);
  CHECK(image.rows[1].begin == 0x10);
  CHECK(image.rows[1].packed == layout::pack_row(RowRule::rsp_offset, 1, layout::kRbpUnchanged));
  CHECK(image.rows[3].packed == layout::pack_row(RowRule::rbp_offset, 2, 2));
  CHECK(image.rows[5].packed == layout::pack_row(RowRule::plt, 11, layout::kRbpUnchanged));
  CHECK(image.rows[9].begin == 0x1840);
  CHECK(image.index == std::vector<std::uint32_t>{0, 3, 3, 4, 4, 4, 5});
  check_lookups(table);
}

TEST_CASE("What cannot be packed is unsupported", "[unit][recorder_reader]") {
  constexpr auto kLargest = static_cast<std::int32_t>(layout::kMostCfa) * 8;
  constexpr auto kFarthest = -static_cast<std::int32_t>(layout::kRbpUnchanged - 1) * 8;
  const auto packed = [](CfaRule rule, std::int32_t cfa, std::int32_t rbp) {
    return make_row_image(UnwindTable({{0x400, rule, cfa, rbp}}, 0x500)).rows[0].packed;
  };
  CHECK(packed(CfaRule::rsp_offset, kLargest, kFarthest) ==
        layout::pack_row(RowRule::rsp_offset, layout::kMostCfa, layout::kRbpUnchanged - 1));
  CHECK(packed(CfaRule::rbp_offset, 8, 0) == layout::pack_row(RowRule::rbp_offset, 1, 0));
  CHECK(packed(CfaRule::rsp_offset, kLargest + 8, kSame) == kUnsupported);
  CHECK(packed(CfaRule::rsp_offset, 12, kSame) == kUnsupported);
  CHECK(packed(CfaRule::rsp_offset, -8, kSame) == kUnsupported);
  CHECK(packed(CfaRule::rbp_offset, 16, kFarthest - 8) == kUnsupported);
  CHECK(packed(CfaRule::rbp_offset, 16, -12) == kUnsupported);
  CHECK(packed(CfaRule::rbp_offset, 16, 8) == kUnsupported);
  CHECK(packed(CfaRule::plt, -1, kSame) == kUnsupported);
  CHECK(packed(CfaRule::plt, 10, 4) == kUnsupported);
  CHECK(packed(CfaRule::rsp_offset, 8, std::numeric_limits<std::int32_t>::min()) == kUnsupported);
}

TEST_CASE("Equal neighbours become one row", "[unit][recorder_reader]") {
  const UnwindTable table({{0x400, CfaRule::rsp_offset, 12, kSame},
                           {0x410, CfaRule::unsupported},
                           {0x420, CfaRule::rsp_offset, 8, kSame},
                           {0x430, CfaRule::uncovered}},
                          0x440);
  const auto image = make_row_image(table);
  REQUIRE(image.rows.size() == 3);
  CHECK(image.rows[2].begin == 0x30);
  check_lookups(table);
}

TEST_CASE("Of rows with the same begin the last is in force", "[unit][recorder_reader]") {
  check_lookups(UnwindTable({{0x400, CfaRule::rsp_offset, 8, kSame},
                             {0x410, CfaRule::rsp_offset, 16, kSame},
                             {0x410, CfaRule::rsp_offset, 8, kSame},
                             {0x420, CfaRule::rsp_offset, 24, kSame}},
                            0x800));
}

TEST_CASE("Rows behind the table's end are none", "[unit][recorder_reader]") {
  check_lookups(UnwindTable({{0x401, CfaRule::rsp_offset, 8, kSame}, {0x900, CfaRule::rsp_offset, 16, kSame}}, 0x810));
}

TEST_CASE("What lies 4 GiB above the first row is cut off", "[unit][recorder_reader]") {
  constexpr std::uint64_t kAbove4GiB = std::uint64_t{5} << 30;
  const UnwindTable table({{0x1000, CfaRule::rsp_offset, 8, kSame}, {kAbove4GiB, CfaRule::rsp_offset, 16, kSame}},
                          kAbove4GiB + 9);
  const auto image = make_row_image(table);
  check_shape(image);
  CHECK(image.rows.size() == 2);
  CHECK(look_up(image, 0xfffff000) == layout::pack_row(RowRule::rsp_offset, 1, layout::kRbpUnchanged));
  CHECK(look_up(image, kAbove4GiB) == kUncovered);
}

TEST_CASE("The image of any table says what the table says", "[unit][recorder_reader]") {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<UnwindRow> rows;
    std::uint64_t at = random() % 5000;
    for (int i = 0; i < 200; ++i) {
      const auto rule = CfaRule{static_cast<std::uint8_t>(random() % 7)};
      rows.push_back({at, rule, static_cast<std::int32_t>(random() % 6) * 4 - 4,
                      random() % 2 == 0 ? kSame : static_cast<std::int32_t>(random() % 6) * -8});
      at += 1 + random() % (random() % 10 == 0 ? 5000 : 50);
    }
    check_lookups(UnwindTable(std::move(rows), at));
  }
}

TEST_CASE("The image of the C library's table says what the table says", "[unit][recorder_reader]") {
  const auto file = ElfFile::open(libc_path());
  REQUIRE(file.has_value());
  const auto table = compile_unwind_table(*file);
  REQUIRE(table.has_value());
  CHECK(table->size() > 1000);
  check_lookups(*table);
  const auto image = make_row_image(*table);
  CHECK(image.rows.size() <= table->size() + 2);
  const auto unsupported = std::ranges::count(image.rows, kUnsupported, &layout::Row::packed);
  CHECK(static_cast<std::size_t>(unsupported) < image.rows.size() / 100);
}

TEST_CASE("A module list is its count and its modules", "[unit][recorder_reader]") {
  const std::vector<layout::ModuleRows> modules = {{0x1000, 0x2000, 0x800, 0, 0, 0, 0},
                                                   {0x3000, 0x4000, 0x800, 1, 2, 3, 4}};
  const auto bytes = make_module_list(modules);
  REQUIRE(bytes.size() == sizeof(layout::ModuleList) + 2 * sizeof(layout::ModuleRows));
  layout::ModuleList head{};
  layout::ModuleRows second{};
  std::memcpy(&head, bytes.data(), sizeof head);
  std::memcpy(&second, bytes.data() + sizeof head + sizeof second, sizeof second);
  CHECK(head.count == 2);
  CHECK(second.begin == 0x3000);
  CHECK(second.index_count == 4);
  CHECK(make_module_list({}) == std::vector<std::byte>(sizeof head));
}

}  // namespace
}  // namespace memsnap
