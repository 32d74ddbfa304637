#include "core/symbols/debug_file.h"

#include <elfutils/libdwelf.h>
#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

namespace memsnap {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint32_t> checksum_of(const std::string& path) {
  std::ifstream input(path, std::ios::binary);
  std::vector<char> buffer(std::size_t{1} << 16);
  auto checksum = crc32(0, nullptr, 0);
  while (input.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || input.gcount() > 0) {
    checksum = crc32(checksum, reinterpret_cast<const Bytef*>(buffer.data()), static_cast<uInt>(input.gcount()));
  }
  return input.eof() ? std::optional(static_cast<std::uint32_t>(checksum)) : std::nullopt;
}

class Search {
 public:
  Search(const Module& module, const ElfFile* file) : module_(module) {
    build_id_ = module.build_id;
    if (file != nullptr) {
      build_id_ = build_id_.empty() ? file->build_id() : build_id_;
      GElf_Word checksum = 0;
      if (const char* link = dwelf_elf_gnu_debuglink(file->handle(), &checksum); link != nullptr) {
        link_ = link;
        checksum_ = checksum;
      }
    }
  }

  Result<DebugFile> run(std::span<const std::string> directories) {
    std::optional<DebugFile> found;
    if (!module_.debug_file.empty()) {
      found = try_given(module_.debug_file);
    }
    for (const auto& candidate : found ? std::vector<std::string>() : candidates(directories)) {
      found = try_found(candidate);
      if (found) {
        break;
      }
    }
    if (!found) {
      return fail(Code::not_found, fmt::format("no debug file for {}", module_.path));
    }
    return std::move(*found);
  }

 private:
  std::vector<std::string> candidates(std::span<const std::string> directories) const {
    std::vector<std::string> result;
    if (build_id_.size() > 2) {
      for (const auto& directory : directories) {
        result.push_back(
            fmt::format("{}/.build-id/{}/{}.debug", directory, build_id_.substr(0, 2), build_id_.substr(2)));
      }
    }
    // A name only: a path in there would lead out of the folders that are meant.
    if (link_.empty() || link_.find('/') != std::string::npos) {
      return result;
    }
    for (const auto& folder : folders()) {
      result.push_back(fmt::format("{}/{}", folder, link_));
      result.push_back(fmt::format("{}/.debug/{}", folder, link_));
      for (const auto& directory : directories) {
        result.push_back(fmt::format("{}{}/{}", directory, folder, link_));
      }
    }
    return result;
  }

  // The module's folder as it was named and, where symbolic links lead there, as it really is: packages install
  // their debug files under the latter.
  std::vector<std::string> folders() const {
    const fs::path named = fs::path(module_.path).parent_path();
    std::vector<std::string> result;
    if (named.is_absolute()) {
      result.push_back(named.string());
    }
    std::error_code error;
    const auto real = fs::canonical(module_.path, error).parent_path();
    if (!error && real != named) {
      result.push_back(real.string());
    }
    return result;
  }

  // The debugger has checked what it found, so that only a known build id can speak against it.
  std::optional<DebugFile> try_given(const std::string& path) const {
    auto file = ElfFile::open(path);
    if (!file || (!build_id_.empty() && file->build_id() != build_id_)) {
      return std::nullopt;
    }
    return DebugFile{path, std::move(*file)};
  }

  std::optional<DebugFile> try_found(const std::string& path) const {
    auto file = ElfFile::open(path);
    std::error_code error;
    if (!file || fs::equivalent(path, module_.path, error)) {
      return std::nullopt;
    }
    const bool is_it = build_id_.empty() ? checksum_ && checksum_of(path) == checksum_ : file->build_id() == build_id_;
    return is_it ? std::optional(DebugFile{path, std::move(*file)}) : std::nullopt;
  }

  const Module& module_;
  std::string build_id_;
  std::string link_;
  std::optional<std::uint32_t> checksum_;
};

}  // namespace

Result<DebugFile> find_debug_file(const Module& module, const ElfFile* file, std::span<const std::string> directories) {
  return Search(module, file).run(directories);
}

}  // namespace memsnap
