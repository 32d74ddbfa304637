#include "plugin/recorder/stub_symbols.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "core/inject/code_symbols.h"

namespace memsnap {
namespace {

// Deleted where the debugger ends, and not before: it may look at a file again as long as it knows of it.
class TemporaryFiles {
 public:
  TemporaryFiles() = default;
  TemporaryFiles(const TemporaryFiles&) = delete;
  TemporaryFiles& operator=(const TemporaryFiles&) = delete;
  ~TemporaryFiles() {
    std::error_code ignored;
    for (const auto& path : paths_) {
      std::filesystem::remove(path, ignored);
    }
  }

  // Empty where there can be none.
  std::string make() {
    std::error_code failed;
    const auto folder = std::filesystem::temp_directory_path(failed);
    auto path = (folder / "memsnap-hooks-XXXXXX").string();
    const auto file = failed ? -1 : mkstemp(path.data());
    if (file < 0) {
      return {};
    }
    close(file);
    paths_.push_back(path);
    return path;
  }

 private:
  std::vector<std::string> paths_;
};

TemporaryFiles& temporary_files() {
  static TemporaryFiles files;
  return files;
}

}  // namespace

void StubSymbols::tell(const std::vector<Hook>& hooks, const ModuleMap& modules) {
  std::vector<LaidOutCode> codes;
  for (const auto& hook : hooks) {
    const auto* module = modules.find(hook.plan.entry);
    if (module != nullptr && told_.insert(hook.plan.stub).second) {
      std::ranges::move(describe_hook(hook.plan, hook.name, tables_.table(module->id), module->bias),
                        std::back_inserter(codes));
    }
  }
  const auto path = codes.empty() ? std::string() : temporary_files().make();
  if (path.empty() || !write_symbol_file(path, codes)) {
    return;
  }
  if (const auto file = ElfFile::open(path)) {
    // It says where the code is by itself.
    static_cast<void>(debugger_.add_symbols(path, {file->first_page()}));
  }
}

}  // namespace memsnap
