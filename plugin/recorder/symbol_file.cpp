#include "plugin/recorder/symbol_file.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "core/recorder/image.h"

namespace memsnap {

std::string recorder_symbol_file() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&recorder_symbol_file), &self) == 0 || self.dli_fname == nullptr) {
    return {};
  }
  const auto path = std::filesystem::path(self.dli_fname).parent_path() / "memsnap-recorder.so";
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto image = recorder_image();
  const auto is_same = [](std::byte left, char right) { return left == static_cast<std::byte>(right); };
  const bool is_this_build = image && bytes.size() >= image->bytes.size() &&
                             std::equal(image->bytes.begin(), image->bytes.end(), bytes.begin(), is_same);
  return is_this_build ? path.string() : std::string();
}

}  // namespace memsnap
