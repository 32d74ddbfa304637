// The part of the port that reads core files.

#include <fmt/format.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <filesystem>

#include "gdb/core_mappings.h"
#include "gdb/gdb_debugger.h"
#include "gdb/selection.h"

namespace py = pybind11;

namespace memsnap {

bool GdbDebugger::is_core(const py::handle& inferior) {
  const auto connection = inferior.attr("connection");
  return !connection.is_none() && connection.attr("type").cast<std::string>() == "core";
}

std::string GdbDebugger::core_instance() {
  return fmt::format("core file {}", inferior().attr("connection").attr("num").cast<int>());
}

std::vector<MappedModule> GdbDebugger::core_file_modules() {
  try {
    auto modules = core_modules(*this, parse_core_mappings(execute("info proc mappings")));
    name_files(modules);
    return modules;
  } catch (const py::error_already_set&) {
    // A core file without that note, or with nothing in it.
    return {};
  }
}

// Where GDB has a module's symbols from: a program that was named may lie somewhere else than it did, and so may all of
// a sysroot.
void GdbDebugger::name_files(std::vector<MappedModule>& modules) {
  for (const auto objfile : gdb_.attr("objfiles")()) {
    const auto id = objfile.attr("build_id");
    const auto name = objfile.attr("filename");
    if (id.is_none() || name.is_none()) {
      continue;
    }
    const auto path = name.cast<std::string>();
    const bool is_separate = !objfile.attr("owner").is_none();
    for (auto& [module, bias, segments] : modules) {
      std::error_code ignored;
      const bool is_same = std::filesystem::equivalent(path, module.path, ignored);
      if (module.build_id == id.cast<std::string>() && !is_same && (is_separate || module.debug_file.empty())) {
        module.debug_file = path;
      }
    }
  }
}

std::vector<MemoryRegion> GdbDebugger::core_file_regions() {
  try {
    return parse_core_sections(execute("maintenance info sections"));
  } catch (const py::error_already_set&) {
    return {};
  }
}

std::vector<OsThreadId> GdbDebugger::core_file_threads() {
  std::vector<OsThreadId> threads;
  for (const auto thread : inferior().attr("threads")()) {
    const py::tuple ptid = thread.attr("ptid");
    threads.push_back(OsThreadId{ptid[1].cast<std::uint64_t>()});
  }
  std::ranges::sort(threads);
  return threads;
}

std::optional<std::uint64_t> GdbDebugger::core_file_register(OsThreadId id, Register which) {
  try {
    const auto thread = find_thread(id);
    if (thread.is_none()) {
      return std::nullopt;
    }
    const Selection selection(gdb_);
    thread.attr("switch")();
    return read_frame_register(gdb_.attr("newest_frame")(), which);
  } catch (const py::error_already_set&) {
    return std::nullopt;
  }
}

}  // namespace memsnap
