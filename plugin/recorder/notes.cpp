#include "plugin/recorder/notes.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace memsnap {
namespace {

using Json = nlohmann::json;

Json json_of(AddressRange range) { return {range.begin.value, range.end.value}; }

AddressRange range_of(const Json& json) {
  return {{json.at(0).get<std::uint64_t>()}, {json.at(1).get<std::uint64_t>()}};
}

template <typename Bytes>
Json json_of_bytes(const Bytes& bytes) {
  auto json = Json::array();
  for (const auto byte : bytes) {
    json.push_back(std::to_integer<unsigned>(byte));
  }
  return json;
}

template <typename Bytes>
void read_bytes(const Json& json, Bytes& bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes.at(i) = static_cast<std::byte>(json.at(i).get<unsigned>());
  }
}

Json json_of(const Hook& hook) {
  const auto& plan = hook.plan;
  auto moved = Json::array();
  for (const auto& instruction : plan.moved.instructions) {
    moved.push_back({instruction.original, instruction.moved});
  }
  return {{"domain", hook.domain},
          {"name", hook.name},
          {"call", hook.call},
          {"arguments", hook.arguments},
          {"is_own", hook.is_own},
          {"module", hook.module},
          {"way", static_cast<unsigned>(plan.way)},
          {"range", json_of(hook.module_range)},
          {"entry", plan.entry.value},
          {"original", json_of_bytes(plan.original)},
          {"patched", json_of_bytes(plan.patched)},
          {"stub", plan.stub.value},
          {"in_place", hook.in_place},
          {"patch", plan.moved.patch.value},
          {"patch_size", plan.moved.patch_size},
          {"moved", plan.moved.address.value},
          {"moved_bytes", json_of_bytes(plan.moved.bytes)},
          {"instructions", std::move(moved)}};
}

Hook hook_of(const Json& json) {
  Hook hook;
  hook.domain = json.at("domain").get<std::string>();
  hook.name = json.at("name").get<std::string>();
  hook.call = json.at("call").get<std::string>();
  hook.arguments = json.at("arguments").get<std::string>();
  hook.is_own = json.at("is_own").get<bool>();
  hook.module = json.at("module").get<std::string>();
  hook.module_range = range_of(json.at("range"));
  hook.in_place = json.at("in_place").get<bool>();
  auto& plan = hook.plan;
  plan.way = json.at("way").get<unsigned>() == 0 ? HookWay::jump : HookWay::breakpoint;
  plan.entry = {json.at("entry").get<std::uint64_t>()};
  read_bytes(json.at("original"), plan.original);
  read_bytes(json.at("patched"), plan.patched);
  plan.stub = {json.at("stub").get<std::uint64_t>()};
  plan.moved.patch = {json.at("patch").get<std::uint64_t>()};
  plan.moved.patch_size = json.at("patch_size").get<std::uint32_t>();
  plan.moved.address = {json.at("moved").get<std::uint64_t>()};
  plan.moved.bytes.resize(json.at("moved_bytes").size());
  read_bytes(json.at("moved_bytes"), plan.moved.bytes);
  for (const auto& pair : json.at("instructions")) {
    plan.moved.instructions.push_back({pair.at(0).get<std::uint32_t>(), pair.at(1).get<std::uint32_t>()});
  }
  return hook;
}

Json json_of(const RowNotes& notes) {
  Json json = {{"next_list", notes.next_list}};
  for (const auto& list : notes.lists) {
    json["lists"].push_back({list.address.value, list.size});
  }
  json["modules"] = Json::array();
  for (const auto& [module, rows] : notes.modules) {
    json["modules"].push_back(
        {module.first, module.second, rows.first, rows.rows.value, rows.index.value, rows.row_count, rows.index_count});
  }
  return json;
}

RowNotes rows_of(const Json& json) {
  RowNotes notes;
  notes.next_list = json.at("next_list").get<std::size_t>() % notes.lists.size();
  for (std::size_t i = 0; i < notes.lists.size(); ++i) {
    const auto& list = json.at("lists").at(i);
    notes.lists.at(i) = {{list.at(0).get<std::uint64_t>()}, list.at(1).get<std::size_t>()};
  }
  for (const auto& each : json.at("modules")) {
    notes.modules.emplace(std::pair(each.at(0).get<std::string>(), each.at(1).get<std::string>()),
                          UploadedRows{each.at(2).get<std::uint64_t>(),
                                       {each.at(3).get<std::uint64_t>()},
                                       {each.at(4).get<std::uint64_t>()},
                                       each.at(5).get<std::uint32_t>(),
                                       each.at(6).get<std::uint32_t>()});
  }
  return notes;
}

}  // namespace

std::string to_text(const RecorderNotes& notes) {
  const auto& at = notes.addresses;
  Json json = {{"code", json_of(AddressRange{at.code, at.code_end})},
               {"control", at.control.value},
               {"functions",
                {at.hook.value, at.hook_free.value, at.hook_find_fde.value, at.hook_filter.value, at.hook_exit.value,
                 at.passed.value, at.exiting.value, at.hook_delete.value, at.faulted.value, at.hook_glibc.value,
                 at.hook_glibc_free.value}},
               {"code_size", notes.code_size},
               {"domains", notes.domains},
               {"spaces", notes.spaces},
               {"arena", json_of(notes.arena)},
               {"rows", json_of(notes.rows)},
               {"room", notes.room},
               {"modules_generation", notes.modules_generation},
               {"session", notes.session},
               {"older_epochs", notes.older_epochs},
               {"mapped", notes.mapped}};
  json["hooks"] = Json::array();
  for (const auto& hook : notes.hooks) {
    json["hooks"].push_back(json_of(hook));
  }
  json["areas"] = Json::array();
  for (const auto& area : notes.areas) {
    json["areas"].push_back(json_of(area));
  }
  json["landings"] = Json::array();
  for (const auto& landing : notes.landings) {
    json["landings"].push_back(json_of(landing));
  }
  return json.dump();
}

Result<RecorderNotes> notes_from_text(const std::string& text) {
  try {
    const auto json = Json::parse(text);
    RecorderNotes notes;
    const auto code = range_of(json.at("code"));
    const auto& functions = json.at("functions");
    const auto function = [&functions](std::size_t i) { return Address{functions.at(i).get<std::uint64_t>()}; };
    notes.addresses = {.code = code.begin,
                       .code_end = code.end,
                       .control = {json.at("control").get<std::uint64_t>()},
                       .hook = function(0),
                       .hook_free = function(1),
                       .hook_glibc = function(9),
                       .hook_glibc_free = function(10),
                       .hook_find_fde = function(2),
                       .hook_delete = function(7),
                       .hook_filter = function(3),
                       .hook_exit = function(4),
                       .passed = function(5),
                       .exiting = function(6),
                       .faulted = function(8)};
    notes.code_size = json.at("code_size").get<std::uint64_t>();
    notes.domains = json.at("domains").get<std::vector<std::string>>();
    notes.spaces = json.at("spaces").get<std::vector<std::string>>();
    notes.arena = range_of(json.at("arena"));
    notes.rows = rows_of(json.at("rows"));
    notes.room = json.at("room").get<std::uint64_t>();
    notes.modules_generation = json.at("modules_generation").get<std::uint64_t>();
    notes.session = json.at("session").get<std::string>();
    notes.older_epochs = json.at("older_epochs").get<std::uint32_t>();
    notes.mapped = json.at("mapped").get<std::uint64_t>();
    for (const auto& hook : json.at("hooks")) {
      notes.hooks.push_back(hook_of(hook));
    }
    for (const auto& area : json.at("areas")) {
      notes.areas.push_back(range_of(area));
    }
    for (const auto& landing : json.at("landings")) {
      notes.landings.push_back(range_of(landing));
    }
    return notes;
  } catch (const Json::exception&) {
    return fail(Code::malformed, "the recorder's notes in the process are damaged");
  }
}

}  // namespace memsnap
