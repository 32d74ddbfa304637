#include <fmt/format.h>

#include "core/formats/pprof_writer.h"
#include "core/formats/size.h"
#include "core/formats/table.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/files.h"
#include "plugin/packing.h"

namespace memsnap::commands {
namespace {

// FILE and one word more, or none.
Result<void> parse(Arguments& arguments, Words words) {
  arguments.allow_words(2);
  if (auto parsed = arguments.parse(words); !parsed) {
    return parsed;
  }
  const auto& plain = arguments.words();
  return plain.empty() || plain.front().empty() ? arguments.wrong("which file?") : Result<void>();
}

}  // namespace

Result<std::string> save(Session& session, Words words) {
  Arguments arguments("save");
  if (auto parsed = parse(arguments, words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto& plain = arguments.words();
  const auto snapshot = plain.size() > 1 ? session.find_snapshot(plain[1]) : session.latest_snapshot();
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  const auto packed = session.pack(**snapshot);
  if (!packed) {
    return std::unexpected(packed.error());
  }
  const auto bytes = to_pprof(*packed);
  if (auto written = write_file(expand_home(plain.front()), bytes); !written) {
    return std::unexpected(written.error());
  }
  return fmt::format("memsnap: saved '{}' to {}, {}\n", (*snapshot)->name, plain.front(), format_size(bytes.size()));
}

Result<std::string> load(Session& session, Words words) {
  Arguments arguments("load");
  if (auto parsed = parse(arguments, words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto& plain = arguments.words();
  if (plain.size() > 1) {
    if (auto free_to_use = session.snapshots().check_name(plain[1]); !free_to_use) {
      return std::unexpected(free_to_use.error());
    }
  }
  auto file = read_profile(plain.front());
  if (!file) {
    return std::unexpected(file.error());
  }
  if (plain.size() > 1) {
    file->snapshot.name = plain[1];
  } else if (!SnapshotStore::is_name(file->snapshot.name)) {
    file->snapshot.name.clear();  // it was called by its number there, and is here
  } else if (auto free_to_use = session.snapshots().check_name(file->snapshot.name); !free_to_use) {
    return fail(free_to_use.error().code, fmt::format("{}, and 'memsnap load FILE NAME' gives this one another name",
                                                      free_to_use.error().message));
  }
  return snapshot_text(*session.snapshots().add(session.unpack(std::move(*file)))) + "\n";
}

}  // namespace memsnap::commands
