// The part of the port that asks LLDB what the user's variables are.

#include <algorithm>
#include <string>
#include <string_view>

#include "core/trace/identifier.h"
#include "lldb/lldb_debugger.h"

namespace memsnap {
namespace {

constexpr std::uint32_t kTimeout = 5'000'000;  // microseconds

// `expression failed to parse:\nerror: <user expression 0>:1:1: use of undeclared identifier 'x'` without what stands
// before what is wrong.
std::string reason(const std::string& words) {
  constexpr std::string_view kMark = "error: ";
  const auto mark = words.find(kMark);
  auto begin = mark == std::string::npos ? 0 : mark + kMark.size();
  if (words.compare(begin, 1, "<") == 0) {
    const auto place = words.find(": ", begin);
    begin = place == std::string::npos ? begin : place + 2;
  }
  return words.substr(begin, words.find('\n', begin) - begin);
}

// A container as it is shown, by its elements, has no address, and to ask anything of it runs its formatter.
lldb::SBValue as_it_is(lldb::SBValue value) {
  value.SetPreferSyntheticValue(false);
  return value;
}

// A variable, its members, and elements of arrays and behind pointers are read from debug information alone. LLDB's
// compiler, which the rest is for, has been seen to know no members of a class that has them. Elements of a container
// are no such: they are what a formatter says, which is wrong where LLDB has no Python for it.
lldb::SBValue find_variable(lldb::SBFrame frame, const std::string& expression) {
  const auto is_part = [](char c) {
    return is_identifier(c) || c == '.' || c == '-' || c == '>' || c == '[' || c == ']';
  };
  const auto path = expression.substr(std::min(expression.find_first_not_of("&*"), expression.size()));
  if (!std::ranges::all_of(path, is_part)) {
    return {};
  }
  const auto find = [&](const std::string& words) {
    return as_it_is(frame.GetValueForVariablePath(words.c_str(), lldb::eNoDynamicValues));
  };
  constexpr auto kHasElements = lldb::eTypeIsArray | lldb::eTypeIsPointer;
  for (auto at = path.find('['); at != std::string::npos; at = path.find('[', at + 1)) {
    auto base = find(path.substr(0, at));
    if (!base.IsValid() || (base.GetType().GetCanonicalType().GetTypeFlags() & kHasElements) == 0) {
      return {};
    }
  }
  return find(expression);
}

lldb::SBValue find_value(lldb::SBFrame frame, lldb::SBTarget target, const std::string& expression) {
  if (frame.IsValid()) {
    auto found = find_variable(frame, expression);
    if (found.IsValid() && found.GetError().Success()) {
      return found;
    }
  }
  lldb::SBExpressionOptions options;
  options.SetIgnoreBreakpoints(true);
  options.SetUnwindOnError(true);
  options.SetTimeoutInMicroSeconds(kTimeout);
  options.SetFetchDynamicValue(lldb::eNoDynamicValues);
  return as_it_is(frame.IsValid() ? frame.EvaluateExpression(expression.c_str(), options)
                                  : target.EvaluateExpression(expression.c_str(), options));
}

}  // namespace

Result<Address> LldbDebugger::evaluate(const std::string& expression) {
  auto value = find_value(process().GetSelectedThread().GetSelectedFrame(), target(), expression);
  if (value.IsValid() && value.GetType().GetCanonicalType().IsReferenceType()) {
    value = as_it_is(value.Dereference());
  }
  const auto error = value.GetError();
  if (!value.IsValid() || error.Fail()) {
    return fail(Code::debugger, error.GetCString() == nullptr ? "it has no value" : reason(error.GetCString()));
  }
  auto type = value.GetType().GetCanonicalType();
  constexpr auto kScalar = lldb::eTypeIsScalar | lldb::eTypeIsPointer | lldb::eTypeIsEnumeration;
  const auto flags = type.GetTypeFlags();
  if ((flags & kScalar) != 0 && (flags & lldb::eTypeIsFloat) == 0) {
    lldb::SBError failed;
    const auto number = type.GetTypeFlags() & lldb::eTypeIsSigned
                            ? static_cast<std::uint64_t>(value.GetValueAsSigned(failed))
                            : value.GetValueAsUnsigned(failed);
    return failed.Fail() ? Result<Address>(fail(Code::debugger, "'" + expression + "' cannot be read"))
                         : Result<Address>(Address{number});
  }
  // A type that it does not know to be one of these could be a pointer as well.
  constexpr auto kObject = lldb::eTypeIsClass | lldb::eTypeIsStructUnion | lldb::eTypeIsArray |
                           lldb::eTypeIsFuncPrototype | lldb::eTypeIsFloat | lldb::eTypeIsComplex |
                           lldb::eTypeIsVector | lldb::eTypeIsMember;
  if ((flags & kObject) == 0) {
    return fail(Code::debugger, "'" + expression + "' has no type that is known");
  }
  const auto address = value.GetLoadAddress();
  return address == LLDB_INVALID_ADDRESS ? Result<Address>(fail(Code::debugger, "'" + expression + "' has no address"))
                                         : Result<Address>(Address{address});
}

std::vector<StackFrame> LldbDebugger::stack(OsThreadId id, std::size_t limit) {
  std::vector<StackFrame> frames;
  auto thread = process().GetThreadByID(static_cast<lldb::tid_t>(id));
  for (std::uint32_t i = 0; frames.size() < limit; ++i) {
    auto frame = thread.GetFrameAtIndex(i);
    if (!frame.IsValid()) {
      break;
    }
    if (!frame.IsInlined()) {
      frames.push_back({{frame.GetPC()}, {frame.GetSP()}});
    }
  }
  return frames;
}

}  // namespace memsnap
