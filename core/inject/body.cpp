#include "core/inject/body.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "core/inject/instruction.h"

namespace memsnap {
namespace {

// Longer than what a compiler moves between two halves of an inlined call.
constexpr std::uint64_t kLargestGap = 64;

bool goes_on(Flow flow) { return flow != Flow::leave && flow != Flow::jump; }

// Calls `visit` for each instruction of `range`. Returns whether they were all understood and end with the range, and
// the last of them goes on behind it.
template <typename Visit>
bool for_each_instruction(AddressRange range, const CodeBytes& bytes, Visit visit) {
  const auto read = bytes(range);
  std::span<const std::byte> rest(read);
  auto at = range.begin;
  auto flow = Flow::next;
  while (at < range.end) {
    const auto instruction = decode_instruction(rest, at);
    if (!instruction) {
      return false;
    }
    visit(*instruction);
    flow = instruction->flow;
    at = at + instruction->length;
    rest = rest.subspan(instruction->length);
  }
  return at == range.end && goes_on(flow);
}

bool is_passed_through(AddressRange gap, const CodeBytes& bytes) {
  if (gap.end - gap.begin > kLargestGap) {
    return false;
  }
  bool is_plain = true;
  const bool is_whole = for_each_instruction(
      gap, bytes, [&](const Instruction& instruction) { is_plain = is_plain && instruction.flow == Flow::next; });
  return is_whole && is_plain;
}

}  // namespace

bool InlinedBody::contains(Address address) const {
  return std::ranges::any_of(code, [address](const AddressRange& range) { return range.contains(address); });
}

InlinedBody find_body(std::vector<AddressRange> code, const CodeBytes& bytes) {
  InlinedBody body;
  std::ranges::sort(code);
  for (const auto& range : code) {
    const bool joins =
        !body.code.empty() && (range.begin <= body.code.back().end ||
                               (for_each_instruction(body.code.back(), bytes, [](const Instruction&) {}) &&
                                is_passed_through({body.code.back().end, range.begin}, bytes)));
    if (joins) {
      body.code.back().end = std::max(body.code.back().end, range.end);
    } else {
      body.code.push_back(range);
    }
  }
  std::set<Address> exits;
  for (const auto& range : body.code) {
    const bool falls_out = for_each_instruction(range, bytes, [&](const Instruction& instruction) {
      const bool is_jump =
          instruction.flow == Flow::jump || instruction.flow == Flow::branch || instruction.flow == Flow::count_branch;
      if (is_jump && instruction.target && !body.contains(*instruction.target)) {
        exits.insert(*instruction.target);
      }
    });
    if (falls_out && !body.contains(range.end)) {
      exits.insert(range.end);
    }
  }
  body.exits.assign(exits.begin(), exits.end());
  return body;
}

}  // namespace memsnap
