// Where code is, and letting the process go on.

#include <fmt/format.h>

#include "gdb/gdb_debugger.h"

namespace py = pybind11;

namespace memsnap {
namespace {

// Receives GDB's stop events for a while.
class StopListener {
 public:
  StopListener(const py::module_& gdb, py::cpp_function listener)
      : events_(gdb.attr("events").attr("stop")), listener_(std::move(listener)) {
    events_.attr("connect")(listener_);
  }
  StopListener(const StopListener&) = delete;
  StopListener& operator=(const StopListener&) = delete;
  ~StopListener() {
    try {
      events_.attr("disconnect")(listener_);
    } catch (const std::exception&) {
      // It was taken out by somebody else.
    }
  }

 private:
  py::object events_;
  py::cpp_function listener_;
};

// GDB's own breakpoints and ours have negative numbers.
bool is_for_user(const py::module_& gdb, const py::object& event) {
  if (!py::isinstance(event, gdb.attr("BreakpointEvent"))) {
    return true;
  }
  for (const auto breakpoint : event.attr("breakpoints")) {
    if (breakpoint.attr("number").cast<int>() > 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<Address> GdbDebugger::find_code(const std::string& location) {
  std::vector<Address> places;
  try {
    const py::tuple found = gdb_.attr("decode_line")(location);
    // What is left over would be a breakpoint's condition or thread.
    if (!found[0].is_none() || found[1].is_none()) {
      return {};
    }
    for (const auto place : found[1]) {
      places.push_back({place.attr("pc").cast<std::uint64_t>()});
    }
  } catch (const py::error_already_set&) {
    return {};  // GDB knows nothing of that name
  }
  return places;
}

Result<Standing> GdbDebugger::run_on() {
  bool for_user = true;
  is_users_stop_ = false;
  const auto gdb = gdb_;
  const StopListener listener(
      gdb_, py::cpp_function([&for_user, &gdb](const py::object& event) { for_user = is_for_user(gdb, event); }));
  try {
    gdb_.attr("execute")("continue");
  } catch (const py::error_already_set& error) {
    if (state() != InferiorState::none && !error.matches(PyExc_KeyboardInterrupt)) {
      const auto words = py::str(error.value()).cast<std::string>();
      return fail(Code::debugger, words.substr(0, words.find('\n')));
    }
  }
  if (state() == InferiorState::none) {
    return Standing::gone;
  }
  return for_user || is_users_stop_ ? Standing::user : Standing::memsnap;
}

void GdbDebugger::show_stop() {
  try {
    auto where = gdb_.attr("execute")("frame", false, true).cast<std::string>();
    constexpr std::string_view kInnermost = "#0  ";  // which GDB does not say at a stop
    gdb_.attr("write")(where.starts_with(kInnermost) ? where.substr(kInnermost.size()) : where);
  } catch (const py::error_already_set&) {
    // There is no frame to be shown.
  }
}

}  // namespace memsnap
