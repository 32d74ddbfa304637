#include "plugin/type_rows.h"

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "plugin/block_types.h"
#include "plugin/memory_window.h"

namespace memsnap {
namespace {

// The live blocks, where the debugger has a process or a core file that was recorded; else none.
std::vector<LiveBlock> live_blocks(Session& session) {
  const auto engine = session.engine();
  auto blocks = engine ? (*engine)->live_blocks() : Result<std::vector<LiveBlock>>();
  return blocks ? std::move(*blocks) : std::vector<LiveBlock>();
}

// The sums of single blocks' types, by origin.
class BlockSums {
 public:
  explicit BlockSums(Session& session) : session_(session), types_(session.types()) {}

  std::vector<TypeShare> of(const LiveCount& live) {
    if (types_.is_told_by_code(live)) {
      return {types_.share(live)};
    }
    if (!std::exchange(is_summed_, true)) {
      sum();
    }
    std::vector<TypeShare> shares;
    std::uint64_t size = 0;
    std::uint64_t count = 0;
    if (const auto found = sums_.find(live.origin); found != sums_.end()) {
      for (const auto& [type, sum] : found->second) {
        shares.push_back({type, sum.size, sum.count});
        size += sum.size;
        count += sum.count;
      }
    }
    // As where the books could not be read to the end.
    return size == live.size && count == live.count ? shares : std::vector<TypeShare>{types_.share(live)};
  }

 private:
  struct Sum {
    std::uint64_t size = 0;
    std::uint64_t count = 0;
  };

  void sum() {
    MemoryWindow memory(session_.debugger().memory());
    std::uint64_t done = 0;
    for (const auto& block : live_blocks(session_)) {
      constexpr std::uint64_t kStep = 1024;
      if (done++ % kStep == 0 && session_.debugger().interrupted()) {
        return;
      }
      auto& sum = sums_[block.origin][types_.names(block, memory).row];
      sum.size += block.size;
      ++sum.count;
    }
  }

  Session& session_;
  BlockTypes& types_;
  bool is_summed_ = false;
  std::map<Origin, std::map<std::string, Sum>> sums_;
};

}  // namespace

TypesOf types_by_traceback(Session& session) {
  auto& types = session.types();
  return [&session, &types, has_looked = false](const LiveCount& live) mutable -> std::vector<TypeShare> {
    if (!types.is_told_by_code(live) && !std::exchange(has_looked, true)) {
      types.learn(live_blocks(session));
    }
    return {types.share(live)};
  };
}

TypesOf types_by_block(Session& session) {
  return [sums = std::make_shared<BlockSums>(session)](const LiveCount& live) { return sums->of(live); };
}

}  // namespace memsnap
