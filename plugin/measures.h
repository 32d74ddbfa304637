#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"
#include "plugin/session.h"

namespace memsnap {

/// What is live now, in bytes and in blocks. Errors: as of Session::engine().
Result<std::uint64_t> live_size(Session& session);
Result<std::uint64_t> live_count(Session& session);
/// Most bytes that were live since the start, or since `memsnap reset-peak`. Errors: as of Session::engine().
Result<std::uint64_t> peak_size(Session& session);

/// Bytes live now that are charged to a line. `site`: `FILE:LINE`, FILE a glob on the whole path or its last part, as
/// in `memsnap filter`. The user's filters do not count. Errors: Code::usage for another form; as of Session::engine().
Result<std::uint64_t> live_size_at(Session& session, std::string_view site);

}  // namespace memsnap
