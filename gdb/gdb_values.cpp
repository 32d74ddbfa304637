// The part of the port that asks GDB what the user's variables are.

#include <pybind11/pybind11.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string>

#include "gdb/gdb_debugger.h"
#include "gdb/selection.h"

namespace py = pybind11;

namespace memsnap {
namespace {

// What a value has to be for its number to be the address that is meant.
bool is_number(const py::module_& gdb, const py::handle& type) {
  constexpr std::array kCodes = {"TYPE_CODE_PTR",  "TYPE_CODE_INT",  "TYPE_CODE_ENUM",
                                 "TYPE_CODE_BOOL", "TYPE_CODE_CHAR", "TYPE_CODE_RANGE"};
  const auto code = type.attr("code");
  return std::ranges::any_of(kCodes, [&](const char* name) { return code.equal(gdb.attr(name)); });
}

// Lets GDB walk on beyond main for a while, as it does not by itself.
class WholeStack {
 public:
  explicit WholeStack(const py::module_& gdb) : gdb_(gdb), was_on_(gdb.attr("parameter")(kName).cast<bool>()) {
    set(true);
  }
  WholeStack(const WholeStack&) = delete;
  WholeStack& operator=(const WholeStack&) = delete;
  ~WholeStack() {
    try {
      set(was_on_);
    } catch (const std::exception&) {
      // It stays on: more frames in `backtrace`, and no harm.
    }
  }

 private:
  static constexpr const char* kName = "backtrace past-main";

  void set(bool on) {
    if (!was_on_) {
      gdb_.attr("execute")(std::string("set ") + kName + (on ? " on" : " off"), false, true);
    }
  }

  const py::module_& gdb_;
  bool was_on_;
};

}  // namespace

Result<Address> GdbDebugger::evaluate(const std::string& expression) {
  try {
    py::object value = gdb_.attr("parse_and_eval")(expression);
    auto type = value.attr("type").attr("strip_typedefs")();
    for (const auto* reference : {"TYPE_CODE_REF", "TYPE_CODE_RVALUE_REF"}) {
      if (type.attr("code").equal(gdb_.attr(reference))) {
        value = value.attr("referenced_value")();
        type = value.attr("type").attr("strip_typedefs")();
      }
    }
    if (!is_number(gdb_, type)) {
      value = value.attr("address");
      if (value.is_none()) {
        return fail(Code::debugger, "'" + expression + "' has no address");
      }
    }
    return Address{py::int_(value).attr("__and__")(~std::uint64_t{0}).cast<std::uint64_t>()};
  } catch (const py::error_already_set& error) {
    const auto words = py::str(error.value()).cast<std::string>();
    return fail(Code::debugger, words.substr(0, words.find('\n')));
  }
}

std::vector<StackFrame> GdbDebugger::stack(OsThreadId id, std::size_t limit) {
  std::vector<StackFrame> frames;
  try {
    const auto thread = find_thread(id);
    if (thread.is_none()) {
      return frames;
    }
    const Selection selection(gdb_);
    const WholeStack whole(gdb_);
    thread.attr("switch")();
    const auto inlined = gdb_.attr("INLINE_FRAME");
    py::object frame = gdb_.attr("newest_frame")();
    for (; !frame.is_none() && frames.size() < limit; frame = frame.attr("older")()) {
      if (!frame.attr("type")().equal(inlined)) {
        frames.push_back({{frame.attr("pc")().cast<std::uint64_t>()}, {read_frame_register(frame, Register::rsp)}});
      }
    }
  } catch (const py::error_already_set&) {
    return frames;  // as far as GDB can walk
  }
  return frames;
}

}  // namespace memsnap
