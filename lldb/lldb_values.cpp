// The part of the port that asks LLDB what the user's variables are.

#include <string>
#include <string_view>

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

}  // namespace

Result<Address> LldbDebugger::evaluate(const std::string& expression) {
  auto frame = process().GetSelectedThread().GetSelectedFrame();
  lldb::SBExpressionOptions options;
  options.SetIgnoreBreakpoints(true);
  options.SetUnwindOnError(true);
  options.SetTimeoutInMicroSeconds(kTimeout);
  options.SetFetchDynamicValue(lldb::eNoDynamicValues);
  auto value = frame.IsValid() ? frame.EvaluateExpression(expression.c_str(), options)
                               : target().EvaluateExpression(expression.c_str(), options);
  // A container as it is shown, by its elements, has no address; to ask anything of it may run formatters, too.
  value.SetPreferSyntheticValue(false);
  if (value.IsValid() && value.GetType().GetCanonicalType().IsReferenceType()) {
    value = value.Dereference();
    value.SetPreferSyntheticValue(false);
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
