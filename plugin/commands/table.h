#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/formats/table.h"
#include "plugin/arguments.h"
#include "plugin/progress.h"
#include "plugin/session.h"

namespace memsnap::commands {

/// What a ranking of this session needs. Borrows the session's tables and `progress`.
Grouping grouping_of(Session& session, Key key, bool cumulative, Progress& progress);

/// Lines of source files as the user has them now: read anew for each command. Borrows the session.
SourceLines source_lines(Session& session);

/// OLD and NEW as a user names them: none for the last two snapshots; OLD alone for it and the latest, or `now` where
/// it is the latest.
Result<std::pair<SnapshotPtr, SnapshotPtr>> two_snapshots(Session& session, const std::vector<std::string>& words);

/// The row of the last table that a word names by its number, from 1 on. Code::not_found where there is no such row, or
/// no table yet; Code::usage where it is no number.
Result<std::size_t> parse_rank(Session& session, const std::string& word);

/// The snapshot that `--since` names, which blocks are to be born after; null where `word` is empty. Code::unsupported
/// in a core file, whose blocks were counted by another session's snapshots.
Result<SnapshotPtr> find_since(Session& session, const std::string& word);

/// Prints a table and keeps it as the last one.
std::string show_table(Session& session, Table table, const TableOptions& options);

}  // namespace memsnap::commands
