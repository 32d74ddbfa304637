#pragma once

#include <functional>
#include <vector>

#include "core/trace/statistic.h"
#include "plugin/session.h"

namespace memsnap {

/// How a table by type tells the types of what is live, for Grouping::types. Valid during one command; borrows the
/// session.
using TypesOf = std::function<std::vector<TypeShare>(const LiveCount&)>;

/// Each traceback's blocks as one type: what a snapshot has, which knows no single blocks. Where the code of a
/// traceback does not tell it, its blocks that are live now do.
TypesOf types_by_traceback(Session& session);

/// Each live block as its own type: for what is live now.
TypesOf types_by_block(Session& session);

}  // namespace memsnap
