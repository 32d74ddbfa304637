// The package `memsnap` in LLDB's Python: where it is found, and what it calls.

#include "lldb/python.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "lldb/plugin.h"

namespace memsnap {
namespace {

namespace fs = std::filesystem;

fs::path own_folder() {
  Dl_info self{};
  return dladdr(reinterpret_cast<const void*>(&offer_to_python), &self) == 0 || self.dli_fname == nullptr
             ? fs::path()
             : fs::canonical(self.dli_fname).parent_path();
}

// As an expression, so that it leaves no name behind.
std::string path_statement(const std::vector<fs::path>& folders) {
  std::string list;
  for (const auto& folder : folders) {
    list += "bytes.fromhex('";
    for (const char byte : folder.string()) {
      list += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    }
    list += "').decode('utf-8', 'surrogateescape'), ";
  }
  return fmt::format("__import__('sys').path.__setitem__(slice(0, 0), [{}])", list);
}

template <typename Function>
Function* find_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// Straight into the interpreter that LLDB has begun: Debian's LLDB 14 has one that works, but for LLDB's own half of
// it, and answers each `script` with Python's tracebacks.
bool run_in_python(const std::string& statement) {
  auto* is_initialized = find_function<int()>("Py_IsInitialized");
  auto* ensure = find_function<int()>("PyGILState_Ensure");
  auto* run = find_function<int(const char*, void*)>("PyRun_SimpleStringFlags");
  auto* release = find_function<void(int)>("PyGILState_Release");
  if (is_initialized == nullptr || ensure == nullptr || run == nullptr || release == nullptr || is_initialized() == 0) {
    return false;
  }
  const int state = ensure();
  run(statement.c_str(), nullptr);
  release(state);
  return true;
}

ScriptAnswer answer(lldb::user_id_t debugger, std::size_t count, const char* const* words) {
  const auto& all = plugins();
  const auto found = debugger == 0 && all.size() == 1 ? all.begin() : all.find(debugger);
  if (found == all.end()) {
    return {"failed", "memsnap's plugin is not loaded in this debugger"};
  }
  auto& plugin = *found->second;
  const auto lock = plugin.lock_for_command();
  if (!lock) {
    return {"failed", "memsnap: " + process_is_running().error().message};
  }
  if (plugin.debugger.state() != InferiorState::running) {
    plugin.notice_process_end();
  }
  return plugin.scripts.call(std::vector<std::string>(words, words + count));
}

}  // namespace

void offer_to_python(lldb::SBDebugger debugger) {
  const auto folder = own_folder();
  std::vector<fs::path> folders;
  // In a build tree, and where it is installed.
  for (const auto& package : {folder / "../python", folder / "../../share/memsnap/python"}) {
    if (fs::exists(package / "memsnap")) {
      folders = {package.lexically_normal(), folder / "python"};
      break;
    }
  }
  if (folders.empty()) {
    return;
  }
  const auto statement = path_statement(folders);
  if (!run_in_python(statement) && debugger.GetScriptLanguage() == lldb::eScriptLanguagePython) {
    lldb::SBCommandReturnObject ignored;
    debugger.GetCommandInterpreter().HandleCommand(("script " + statement).c_str(), ignored);
  }
}

}  // namespace memsnap

extern "C" {

// One call of the package `memsnap`: the kind of answer, a line break and the answer; its length in `size`. nullptr
// where there is no memory. For memsnap_free.
__attribute__((visibility("default"))) char* memsnap_call(std::uint64_t debugger, std::size_t count,
                                                          const char* const* words, std::size_t* size);
char* memsnap_call(std::uint64_t debugger, std::size_t count, const char* const* words, std::size_t* size) {
  try {
    const auto [kind, text] = memsnap::answer(debugger, count, words);
    *size = kind.size() + 1 + text.size();
    auto* whole = static_cast<char*>(std::malloc(*size));
    if (whole != nullptr) {
      std::memcpy(whole, kind.data(), kind.size());
      whole[kind.size()] = '\n';
      std::memcpy(whole + kind.size() + 1, text.data(), text.size());
    }
    return whole;
  } catch (...) {
    return nullptr;
  }
}

__attribute__((visibility("default"))) void memsnap_free(char* answer);
void memsnap_free(char* answer) { std::free(answer); }
}
