#pragma once

#include <string>

#include "core/formats/table.h"
#include "plugin/arguments.h"
#include "plugin/progress.h"
#include "plugin/session.h"

namespace memsnap::commands {

/// What a ranking of this session needs. Borrows the session's tables and `progress`.
Grouping grouping_of(Session& session, Key key, bool cumulative, Progress& progress);

/// Lines of source files as the user has them now: read anew for each command. Borrows the session.
SourceLines source_lines(Session& session);

/// Prints a table and keeps it as the last one.
std::string show_table(Session& session, Table table, const TableOptions& options);

}  // namespace memsnap::commands
