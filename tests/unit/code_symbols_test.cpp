#include "core/inject/code_symbols.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "tests/catch.h"
#include "tests/unit/code_bytes.h"

namespace memsnap {
namespace {

using test::code;

constexpr std::uint64_t kBias = 0x7f0000000000;
constexpr Address kEntry{kBias + 0x1000};
constexpr Address kArea{kBias + 0x40000000};

constexpr std::int32_t kUnchanged = UnwindRow::kRbpUnchanged;

UnwindRow rsp(std::uint64_t begin, std::int32_t cfa, std::int32_t rbp = kUnchanged) {
  return {begin, CfaRule::rsp_offset, cfa, rbp};
}

UnwindRow rbp(std::uint64_t begin, std::int32_t cfa, std::int32_t saved) {
  return {begin, CfaRule::rbp_offset, cfa, saved};
}

// push %rbp; mov %rsp,%rbp; push %rbx; ret
HookPlan plan_of(const std::vector<std::byte>& bytes, std::optional<Address> landing) {
  NearArea area({kArea, kArea + 0x1000});
  const auto plan = plan_hook({kEntry, bytes, bytes.size(), {1}, {2}, HookWay::jump, landing}, area);
  REQUIRE(plan);
  return *plan;
}

class TemporaryFile {
 public:
  TemporaryFile() : path_((std::filesystem::temp_directory_path() / "memsnap-test-XXXXXX").string()) {
    const auto file = mkstemp(path_.data());
    REQUIRE(file >= 0);
    close(file);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool is_same(const UnwindRow& left, const UnwindRow& right) {
  return left.rule == right.rule && left.cfa_offset == right.cfa_offset && left.rbp_offset == right.rbp_offset;
}

TEST_CASE("moved instructions are unwound as they were where they came from", "[unit][inject]") {
  const auto bytes = code("55 4889e5 53 c3");
  const UnwindTable table({rsp(0x1000, 8), rsp(0x1001, 16, -16), rbp(0x1004, 16, -16)}, 0x1006);
  const auto plan = plan_of(bytes, breakpoint_proof_landing(kEntry));
  const auto codes = describe_hook(plan, "malloc", &table, kBias);
  REQUIRE(codes.size() == 3);
  CHECK(codes[0].name == "memsnap_stub_malloc");
  CHECK(codes[0].range == AddressRange{plan.stub, plan.stub + kStubSize});
  CHECK(codes[1].name == "memsnap_landing_malloc");
  CHECK(codes[1].range == AddressRange{*plan.landing, *plan.landing + 5});
  CHECK(codes[2].name == "memsnap_moved_malloc");
  const auto& rows = codes[2].rows;
  REQUIRE(rows.size() == 4);  // the way back among them
  const std::vector<UnwindRow> wanted = {rsp(0, 8), rsp(1, 16, -16), rbp(4, 16, -16), rbp(5, 16, -16)};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].begin == (plan.moved.address + wanted[i].begin).value);
    CHECK(is_same(rows[i], wanted[i]));
  }
}

TEST_CASE("a file with the symbols of hooks says where they are and how they are unwound", "[unit][inject]") {
  const auto bytes = code("55 4889e5 53 c3");
  const UnwindTable table({rsp(0x1000, 8), rsp(0x1001, 16, -16), rbp(0x1004, 16, -16)}, 0x1006);
  const auto plan = plan_of(bytes, breakpoint_proof_landing(kEntry));
  const auto codes = describe_hook(plan, "malloc", &table, kBias);
  const TemporaryFile file;
  REQUIRE(write_symbol_file(file.path(), codes));

  const auto elf = ElfFile::open(file.path());
  REQUIRE(elf);
  std::map<std::string, AddressRange> symbols;
  elf->for_each_function([&](const ElfSymbol& symbol) {
    symbols[symbol.name] = {{symbol.value}, {symbol.value + symbol.size}};
  });
  REQUIRE(symbols.size() == codes.size());
  const auto rows = compile_unwind_table(*elf);
  REQUIRE(rows);
  for (const auto& each : codes) {
    CAPTURE(each.name);
    CHECK(symbols[each.name] == each.range);
    for (std::size_t i = 0; i < each.rows.size(); ++i) {
      const auto end = i + 1 < each.rows.size() ? each.rows[i + 1].begin : each.range.end.value;
      for (auto at = each.rows[i].begin; at < end; ++at) {
        const auto* row = rows->find(at);
        REQUIRE(row != nullptr);
        CHECK(is_same(*row, each.rows[i]));
      }
    }
    CHECK(rows->find(each.range.begin.value - 1) == nullptr);
    CHECK(rows->find(each.range.end.value) == nullptr);
  }
  // The pages of the stubs and those of the landings, and nothing between.
  CHECK(elf->code().size() == 2);
  CHECK(elf->first_page() == plan.landing->value / 4096 * 4096);
}

TEST_CASE("a file that cannot be made is an error", "[unit][inject]") {
  const auto refused = write_symbol_file("/no/such/folder/file", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::io);
}

}  // namespace
}  // namespace memsnap
