#include "plugin/core_modules.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "core/elf/mapped_image.h"

namespace memsnap {
namespace {

// A file's first segment as it would be mapped: headers and notes are in it.
class FileAt final : public MemoryReader {
 public:
  FileAt(const std::string& path, Address begin) : file_(path, std::ios::binary), begin_(begin) {}

  std::size_t read(Address address, std::span<std::byte> into) override {
    if (address < begin_) {
      return 0;
    }
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(address - begin_));
    file_.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
    return file_ || file_.eof() ? static_cast<std::size_t>(file_.gcount()) : 0;
  }

 private:
  std::ifstream file_;
  Address begin_;
};

std::string without_mark(std::string path) {
  if (constexpr std::string_view kDeleted = " (deleted)"; path.ends_with(kDeleted)) {
    path.resize(path.size() - kDeleted.size());
  }
  return path;
}

Result<MappedImage> image_at(MemoryReader& memory, const std::string& path, Address header) {
  auto image = read_mapped_image(memory, header);
  if (!image && image.error().code == Code::unmapped) {
    FileAt file(path, header);
    image = read_mapped_image(file, header);
  }
  return image;
}

MappedModule module_of(const std::string& path, MappedImage image) {
  return {{path, std::move(image.build_id), {}}, image.bias, std::move(image.segments)};
}

// Whether the code was mapped as the dynamic loader does it: by itself. One who reads a file maps all of it at once.
bool is_loaded(const MappedImage& image, const std::string& path, std::span<const FileMapping> mappings) {
  return std::ranges::any_of(mappings, [&](const FileMapping& mapping) {
    return mapping.path == path && std::ranges::any_of(image.code, [&](AddressRange code) {
             return mapping.range.begin == code.begin && mapping.range.end <= code.end;
           });
  });
}

}  // namespace

std::optional<MappedModule> core_module(MemoryReader& memory, const std::string& path, Address header) {
  const auto name = without_mark(path);
  auto image = image_at(memory, name, header);
  return image ? std::optional(module_of(name, std::move(*image))) : std::nullopt;
}

std::vector<MappedModule> core_modules(MemoryReader& memory, std::span<const FileMapping> mappings) {
  std::vector<MappedModule> modules;
  for (const auto& mapping : mappings) {
    // The page of the header can be mapped again with what follows it in a small file.
    const bool is_inside = std::ranges::any_of(modules, [&](const MappedModule& module) {
      return std::ranges::any_of(module.segments,
                                 [&](AddressRange segment) { return segment.contains(mapping.range.begin); });
    });
    if (mapping.offset != 0 || is_inside) {
      continue;
    }
    const auto name = without_mark(mapping.path);
    auto image = image_at(memory, name, mapping.range.begin);
    if (image && is_loaded(*image, mapping.path, mappings)) {
      modules.push_back(module_of(name, std::move(*image)));
    }
  }
  return modules;
}

}  // namespace memsnap
