#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "plugin/command.h"

namespace memsnap::commands {

/// An expression of the debugger's, from a command's words without its flags, which may stand anywhere. It may have
/// blanks in it, and begin with a `-`. Code::usage where it is missing.
Result<std::string> split_expression(std::string_view command, Words words,
                                     std::initializer_list<std::pair<std::string_view, bool*>> flags);

/// What address it means: a number itself, else as the debugger evaluates it. Errors: Code::debugger.
Result<Address> evaluate(Session& session, const std::string& expression);

}  // namespace memsnap::commands
