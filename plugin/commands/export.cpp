#include <fmt/format.h>

#include <array>
#include <string_view>

#include "core/formats/export_json.h"
#include "core/formats/folded.h"
#include "core/formats/html.h"
#include "core/formats/paths.h"
#include "core/formats/pprof_writer.h"
#include "core/formats/size.h"
#include "core/formats/speedscope.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"
#include "plugin/files.h"

namespace memsnap::commands {
namespace {

struct Format {
  std::string_view ending;
  Result<std::string> (*write)(const SnapshotFile& file, const HideRules& rules);
};

// `.json` after the one that ends in it, too.
constexpr std::array kFormats = {
    Format{".pb.gz", [](const SnapshotFile& file, const HideRules&) { return Result<std::string>(to_pprof(file)); }},
    Format{".folded",
           [](const SnapshotFile& file, const HideRules&) {
             return Result<std::string>(to_folded(make_paths(file), file.older.has_value()));
           }},
    Format{".speedscope.json",
           [](const SnapshotFile& file, const HideRules&) {
             return Result<std::string>(to_speedscope(file, make_paths(file)));
           }},
    Format{".json", [](const SnapshotFile& file,
                       const HideRules& rules) { return Result<std::string>(to_export_json(file, rules)); }},
    Format{".html",
           [](const SnapshotFile& file, const HideRules& rules) { return to_html(file, make_paths(file), rules); }},
};

const Format* find_format(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  for (const auto& format : kFormats) {
    // An ending alone is a hidden file's name.
    if (name.size() > format.ending.size() && name.ends_with(format.ending)) {
      return &format;
    }
  }
  return nullptr;
}

std::string endings() {
  std::string all;
  for (const auto& format : kFormats) {
    all.append(all.empty() ? "" : ", ").append(format.ending);
  }
  return all;
}

struct Packed {
  SnapshotFile file;
  std::string name;  // of what it is, for people
};

Result<Packed> pack(Session& session, const std::vector<std::string>& snapshots) {
  Result<SnapshotFile> file;
  std::string name;
  if (snapshots.size() == 2) {
    const auto chosen = two_snapshots(session, snapshots);
    if (!chosen) {
      return std::unexpected(chosen.error());
    }
    file = session.pack(*chosen->second, chosen->first.get());
    name = fmt::format("'{}' -> '{}'", chosen->first->name, chosen->second->name);
  } else {
    const auto snapshot = snapshots.empty() ? session.latest_snapshot() : session.find_snapshot(snapshots.front());
    if (!snapshot) {
      return std::unexpected(snapshot.error());
    }
    file = session.pack(**snapshot);
    name = fmt::format("'{}'", (*snapshot)->name);
  }
  if (!file) {
    return std::unexpected(file.error());
  }
  return Packed{std::move(*file), std::move(name)};
}

}  // namespace

Result<std::string> export_file(Session& session, Words words) {
  Arguments arguments("export");
  arguments.allow_words(3);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto& plain = arguments.words();
  if (plain.empty() || plain.front().empty()) {
    return arguments.wrong("which file?");
  }
  const auto* format = find_format(plain.front());
  if (format == nullptr) {
    return fail(Code::usage, fmt::format("cannot tell from '{}' what to write; a file's name ends in one of {}",
                                         plain.front(), endings()));
  }
  const auto packed = pack(session, {plain.begin() + 1, plain.end()});
  if (!packed) {
    return std::unexpected(packed.error());
  }
  const auto bytes = format->write(packed->file, session.hide_rules());
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  if (auto written = write_file(expand_home(plain.front()), *bytes); !written) {
    return std::unexpected(written.error());
  }
  return fmt::format("memsnap: exported {} to {}, {}\n", packed->name, plain.front(), format_size(bytes->size()));
}

}  // namespace memsnap::commands
