#pragma once

#include "plugin/command.h"

namespace memsnap::commands {

Result<std::string> start(Session& session, Words words);
Result<std::string> stop(Session& session, Words words);
Result<std::string> clear(Session& session, Words words);
Result<std::string> reset_peak(Session& session, Words words);
Result<std::string> status(Session& session, Words words);
Result<std::string> take(Session& session, Words words);
Result<std::string> list(Session& session, Words words);
Result<std::string> remove(Session& session, Words words);
Result<std::string> stats(Session& session, Words words);
Result<std::string> diff(Session& session, Words words);
Result<std::string> around(Session& session, Words words);
Result<std::string> limit(Session& session, Words words);
Result<std::string> check(Session& session, Words words);
Result<std::string> faults(Session& session, Words words);
Result<std::string> traceback(Session& session, Words words);
Result<std::string> block(Session& session, Words words);
Result<std::string> blocks(Session& session, Words words);
Result<std::string> leaks(Session& session, Words words);
Result<std::string> refs(Session& session, Words words);
Result<std::string> filter(Session& session, Words words);
Result<std::string> hide(Session& session, Words words);
Result<std::string> allocator(Session& session, Words words);
Result<std::string> save(Session& session, Words words);
Result<std::string> load(Session& session, Words words);
Result<std::string> export_file(Session& session, Words words);
Result<std::string> help(Session& session, Words words);

}  // namespace memsnap::commands
