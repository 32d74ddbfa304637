#pragma once

#include <string>

#include "core/formats/paths.h"

namespace memsnap {

/// Stacks for flame graphs, one a line, as flamegraph.pl, inferno and speedscope read them:
/// `main (app.cpp:43);run(int) (app.cpp:34);get_data() (app.cpp:25) 1600`, outermost frame first, then the live bytes.
/// Of a difference two numbers, the older one first, as difffolded.pl writes them. Lines are in the order of their
/// bytes; what has no byte in either is left out.
///
/// In names, `;` becomes `:`, and what would end the line or hide the numbers a space or `_`.
std::string to_folded(const Paths& paths, bool is_diff);

}  // namespace memsnap
