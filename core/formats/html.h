#pragma once

#include <string>

#include "core/formats/paths.h"
#include "core/result.h"
#include "core/trace/rules.h"

namespace memsnap {

/// A snapshot, or a difference, as one page for a browser that needs nothing else: a flame graph, ranked tables,
/// totals. The page itself is made from html/ at build time; here its data is put in.
///
/// Errors: Code::unsupported where this was built without the page.
Result<std::string> to_html(const SnapshotFile& file, const Paths& paths, const HideRules& rules);

}  // namespace memsnap
