#pragma once

#include <pybind11/pybind11.h>

#include <exception>

namespace memsnap {

/// The user's selected thread and frame, selected again at the end.
class Selection {
 public:
  explicit Selection(const pybind11::module_& gdb) : thread_(gdb.attr("selected_thread")()) {
    try {
      frame_ = gdb.attr("selected_frame")();
    } catch (const pybind11::error_already_set&) {
      // None is selected before the program runs.
    }
  }
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;
  ~Selection() {
    try {
      if (!thread_.is_none()) {
        thread_.attr("switch")();
      }
      if (frame_ && frame_.attr("is_valid")().cast<bool>()) {
        frame_.attr("select")();
      }
    } catch (const std::exception&) {
      // It has gone; GDB has another one selected.
    }
  }

 private:
  pybind11::object thread_;
  pybind11::object frame_;
};

}  // namespace memsnap
