#include "core/formats/export_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "core/formats/file_blame.h"
#include "core/formats/frame_json.h"
#include "core/formats/json_line.h"
#include "core/formats/paths.h"
#include "core/formats/snapshot_json.h"

namespace memsnap {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t difference(std::uint64_t newer, std::uint64_t older) { return static_cast<std::int64_t>(newer - older); }

std::uint64_t change(const Amounts& amounts) {
  return std::max(amounts.size, amounts.old_size) - std::min(amounts.size, amounts.old_size);
}

class Writer {
 public:
  Writer(const SnapshotFile& file, const HideRules& rules) : file_(file), rules_(rules), blame_(file, rules) {}

  Json write() {
    Json json;
    json["format"] = 1;
    if (file_.older) {
      json["old"] = snapshot_facts(*file_.older);
      json["new"] = snapshot_facts(file_.snapshot);
    } else {
      json["snapshot"] = snapshot_facts(file_.snapshot);
    }
    add_numbers(json["total"], {file_.snapshot.size, file_.snapshot.count, file_.older ? file_.older->size : 0,
                                file_.older ? file_.older->count : 0});
    json["frames"] = frames();
    json["tracebacks"] = tracebacks();
    return json;
  }

 private:
  Json frames() {
    auto list = Json::array();
    for (const auto& place : file_.places) {
      first_frame_.push_back(list.size());
      for (const auto& frame : place.frames) {
        list.push_back(frame_json(frame, rules_.hides(frame)));
      }
    }
    return list;
  }

  Json tracebacks() {
    // What is equal in all numbers stays in the file's order, which is the same in every session.
    std::map<Origin, std::size_t> known;
    std::vector<std::pair<Origin, Amounts>> ranked;
    const auto add = [&](const Origin& origin, const Amounts& amounts) {
      const auto [entry, is_new] = known.try_emplace(origin, ranked.size());
      if (is_new) {
        ranked.emplace_back(origin, amounts);
      } else {
        ranked[entry->second].second.add(amounts);
      }
    };
    for (const auto& live : file_.snapshot.counts) {
      add(live.origin, {live.size, live.count, 0, 0});
    }
    if (file_.older) {
      for (const auto& live : file_.older->counts) {
        add(live.origin, {0, 0, live.size, live.count});
      }
    }
    std::ranges::stable_sort(ranked, std::ranges::greater(), [this](const auto& entry) {
      const auto& numbers = entry.second;
      return std::tuple(file_.older ? change(numbers) : 0, numbers.size, numbers.count, numbers.old_count);
    });
    auto list = Json::array();
    for (const auto& [origin, numbers] : ranked) {
      list.push_back(traceback(origin, numbers));
    }
    return list;
  }

  Json traceback(const Origin& origin, const Amounts& amounts) {
    const auto number = static_cast<std::size_t>(origin.traceback);
    const auto& stack = file_.stacks.at(number);
    Json json;
    add_numbers(json, amounts);
    json["domain"] = file_.domains.at(static_cast<std::size_t>(origin.domain));
    json["thread"] = file_.threads.at(static_cast<std::size_t>(origin.thread));
    json["truncated"] = truncation(stack);
    const auto site = blame_.blame().call_site(blame_.traceback(number));
    json["call_site"] = site ? Json(*site) : Json();
    auto& frames = json["frames"] = Json::array();
    for (const auto place : stack.places) {
      for (std::size_t i = 0; i < file_.places[place].frames.size(); ++i) {
        frames.push_back(first_frame_[place] + i);
      }
    }
    return json;
  }

  static Json truncation(const SnapshotFile::Stack& stack) {
    switch (stack.end) {
      case TracebackEnd::complete:
        break;
      case TracebackEnd::frame_limit:
        return "frame limit";
      case TracebackEnd::no_unwind_info:
        return fmt::format("no unwind information at {:#x}", stack.stopped_at.value);
    }
    return nullptr;
  }

  void add_numbers(Json& json, const Amounts& amounts) const {
    json["size"] = amounts.size;
    json["count"] = amounts.count;
    if (file_.older) {
      json["size_diff"] = difference(amounts.size, amounts.old_size);
      json["count_diff"] = difference(amounts.count, amounts.old_count);
    }
  }

  const SnapshotFile& file_;
  const HideRules& rules_;
  FileBlame blame_;
  std::vector<std::size_t> first_frame_;  // by place: where its frames begin in the list
};

}  // namespace

std::string to_export_json(const SnapshotFile& file, const HideRules& rules) {
  return to_json_line(Writer(file, rules).write());
}

}  // namespace memsnap
