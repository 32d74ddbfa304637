#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <exception>

#include "plugin/arguments.h"
#include "plugin/command.h"
#include "plugin/commands/commands.h"

namespace memsnap {
namespace {

using Completions = std::vector<std::string>;

Completions complete_table(Session& session, Words words) {
  auto all = words.empty() ? key_completions() : Completions();
  std::ranges::move(snapshot_completions(session), std::back_inserter(all));
  std::ranges::move(Completions{"--limit", "--json", "--all", "--cumulative"}, std::back_inserter(all));
  return all;
}

Completions complete_snapshot(Session& session, Words words) {
  auto all = words.empty() ? snapshot_completions(session) : Completions();
  all.emplace_back("all");
  return all;
}

Completions complete_start(Session&, Words words) {
  if (!words.empty() && words.back() == "--engine") {
    return {"auto", "breakpoint", "recorder"};
  }
  return {"--engine", "--history"};
}

Completions complete_around(Session&, Words words) {
  auto all = words.size() == 1 ? key_completions() : Completions();
  std::ranges::move(Completions{"--repeat", "--limit", "--cumulative", "--all", "--json", "--continue"},
                    std::back_inserter(all));
  return all;
}

Completions complete_check(Session& session, Words) {
  auto all = snapshot_completions(session);
  std::ranges::move(Completions{"--max-growth", "--max-blocks", "--ignore", "--limit", "--exit"},
                    std::back_inserter(all));
  return all;
}

Completions complete_limit(Session&, Words words) {
  return words.empty() ? Completions{"off", "--peak", "--site"} : Completions();
}

Completions complete_hide(Session& session, Words words) {
  if (words.empty()) {
    return {"add", "delete", "list", "reset"};
  }
  return words.front() == "delete" ? session.hide_rules().patterns() : Completions();
}

Completions complete_filter(Session&, Words words) {
  return words.empty() ? Completions{"include", "exclude", "list", "clear"} : Completions{"--all-frames"};
}

Completions complete_allocator(Session&, Words words) {
  return words.empty() ? Completions{"add", "list"}
                       : Completions{"--alloc", "--realloc", "--free", "--free-all", "--json"};
}

// The file's name is for the user to find.
Completions complete_save(Session& session, Words words) {
  return words.size() == 1 ? snapshot_completions(session) : Completions();
}

Completions complete_export(Session& session, Words words) {
  return words.size() == 1 || words.size() == 2 ? snapshot_completions(session) : Completions();
}

Completions complete_blocks(Session& session, Words words) {
  if (!words.empty() && words.back() == "--since") {
    return snapshot_completions(session);
  }
  return {"--since", "--type", "--limit", "--json"};
}

Completions complete_leaks(Session& session, Words words) {
  if (words.empty() || words.back() != "--since") {
    return {"--since", "--limit", "--json"};
  }
  auto all = snapshot_completions(session);
  std::erase(all, "now");
  return all;
}

Completions complete_refs(Session&, Words) { return {"--path", "--limit", "--json"}; }

Completions complete_faults(Session&, Words) { return {"--all", "--json", "--limit"}; }
Completions complete_json(Session&, Words) { return {"--json"}; }
Completions complete_traceback(Session&, Words) { return {"--all", "--json"}; }

Completions complete_help(Session&, Words words) {
  Completions names;
  if (words.empty()) {
    for (const auto& command : command_table()) {
      names.emplace_back(command.name);
    }
  }
  return names;
}

constexpr std::array kCommands = {
    Command{"start", "[NFRAMES] [--engine auto|recorder|breakpoint] [--history N]", "Start tracing allocations.",
            "Before 'run', tracing is armed: nothing of the program's allocations is missed. In a live or attached\n"
            "process, blocks are recorded from now on. NFRAMES is how many physical frames of a traceback are kept,\n"
            "1 to 256; default 32. --history keeps the last N freed blocks, 1 to 1000000, each with where it was\n"
            "allocated and freed: 'memsnap faults' and 'memsnap block' then know them.\n",
            commands::start, complete_start},
    Command{"stop", "", "Stop tracing, and leave the process as it was.", "Snapshots stay.\n", commands::stop, nullptr},
    Command{"status", "[--json]", "Show what is traced, and what tracing costs.", "Sizes are bytes.\n",
            commands::status, complete_json},
    Command{"clear", "", "Forget every block recorded so far.", "Snapshots stay.\n", commands::clear, nullptr},
    Command{"reset-peak", "", "Make the peak what is live now.", "", commands::reset_peak, nullptr},
    Command{"take", "[NAME] [--json]", "Take a snapshot of what is live now.",
            "Without a name it is called by its number.\n", commands::take, complete_json},
    Command{"list", "[--json]", "List the snapshots.", "", commands::list, complete_json},
    Command{"delete", "SNAP|all", "Forget a snapshot, or all of them.", "", commands::remove, complete_snapshot},
    Command{
        "stats", "[KEY] [SNAP] [--cumulative] [--limit N] [--all] [--json]",
        "Rank what is live in a snapshot by where it was allocated.",
        "KEY is lineno (default), filename, function, traceback, module, domain, thread or type. SNAP is a snapshot's\n"
        "name or number, or 'now'; default is the latest snapshot, or 'now' where there is none. --cumulative charges\n"
        "every frame of a traceback, not the call site alone. --limit 0 prints all rows; --all shows the library "
        "frames\n"
        "that tracebacks hide.\n",
        commands::stats, complete_table},
    Command{"diff", "[KEY] [OLD [NEW]] [--limit N] [--all] [--json]", "Rank what changed between two snapshots.",
            "Without OLD and NEW: the last two snapshots. With OLD alone, NEW is the latest snapshot, or 'now' where "
            "OLD is\n"
            "the latest. KEY is lineno (default), filename, function, traceback, module, domain, thread or type.\n",
            commands::diff, complete_table},
    Command{"traceback", "[RANK] [--all] [--json]", "Print the largest traceback behind a row of the last table.",
            "RANK is the row's number, by default 1. --all shows the hidden frames too.\n", commands::traceback,
            complete_traceback},
    Command{"block", "EXPR [--all] [--json]", "Show what is known of the block that an address is in.",
            "EXPR is any expression of the debugger: a pointer, an object, a register, an address. Pointers into a\n"
            "block count. Of an address that is in no block: what it is instead. --all shows the library frames.\n",
            commands::block, complete_traceback},
    Command{"blocks", "[RANK] [--since SNAP] [--type T] [--limit N] [--json]", "List live blocks by address.",
            "RANK is the number of a row of the last table: the blocks behind it that are live now. Without it, all.\n"
            "--since: those that were born after the snapshot SNAP. --type: those of a type, T is a glob on its name.\n"
            "--limit 0 lists all.\n",
            commands::blocks, complete_blocks},
    Command{
        "leaks", "[--since SNAP] [--limit N] [--json]", "List the blocks that nothing reachable points to.",
        "By call site. Directly lost are those that no other lost block points into, indirectly lost are the\n"
        "others. A block is reachable if a global, a stack, a register, thread-local data or memory that is mapped\n"
        "but no block points into it, or a reachable block does. --since: those that were born after the snapshot\n"
        "SNAP. --limit 0 lists all rows.\n",
        commands::leaks, complete_leaks},
    Command{
        "refs", "EXPR [--path] [--limit N] [--json]", "Show who holds a pointer into the block at an address.",
        "EXPR is any expression of the debugger; the address may lie inside the block. Holders are registers,\n"
        "globals, stacks and other blocks. --path shows the shortest way from a root instead. --limit 0 lists all.\n",
        commands::refs, complete_refs},
    Command{
        "around", "FUNCTION [KEY] [--repeat N] [--limit N] [--cumulative] [--all] [--json] | --continue",
        "Show what one call of a function changes, or what each of several does.",
        "Runs on until FUNCTION is entered, takes a snapshot, lets this call return, takes another, stops there and\n"
        "prints the diff. FUNCTION is a name as for a breakpoint, or file.cpp:LINE: then it is the function around "
        "it.\n"
        "--repeat N compares the end of a first call, to warm up, with the end of the N-th after it, and tells the\n"
        "growth per call. Your own breakpoints and signals still stop the program on the way; --continue goes on.\n",
        commands::around, complete_around},
    Command{"faults", "[--limit N] [--all] [--json]", "Show what the allocator was asked that makes no sense.",
            "A block freed twice, freed at an inner or a foreign address, or by another family than it came from\n"
            "('new' and 'free'), each with the tracebacks known, the newest first. With 'start --history N' a double\n"
            "free is known as one, with where the block was freed first; else it is a free of what is no block.\n",
            commands::faults, complete_faults},
    Command{"filter", "include|exclude PATTERN[:LINE] [--all-frames] | list | clear",
            "Choose which blocks tables show, by the file they come from.",
            "PATTERN is a glob on the call site's file. With --all-frames every frame of a traceback is looked at.\n",
            commands::filter, complete_filter},
    Command{"hide", "add PATTERN | delete PATTERN | list | reset", "Choose which frames are never a call site.",
            "PATTERN is a glob on a frame's file, function or module. A block is charged to its innermost frame that "
            "has a\n"
            "source line and is not hidden.\n",
            commands::hide, complete_hide},
    Command{
        "allocator",
        "list [--json] | add NAME [--alloc FUNC:size=ARG[,count=ARG][,pool=ARG]]... "
        "[--realloc FUNC:ptr=ARG,size=ARG]... [--free FUNC:ptr=ARG]... [--free-all FUNC[:pool=ARG]]...",
        "List the functions that are traced, or add a pool of your own.",
        "'add' makes a domain of your own pool's or arena's functions, or adds functions to it. FUNC is any function "
        "of\n"
        "the program or its libraries, those loaded later too. ARG is the number of an argument, from 1 to 6 (of a "
        "C++\n"
        "member function, 1 is the object), with an i behind it where it is an int: size=2, size=2i. count=ARG\n"
        "multiplies size; bytes=SIZE in place of size is one that is always the same; out=ARG is where --alloc stores\n"
        "the block if it does not return it. --free-all takes back all that was given; with pool=ARG, what was given "
        "by\n"
        "--alloc and --realloc with the same value as their argument pool=ARG.\n"
        "\n"
        "The outermost function counts: what a pool's functions get from malloc is the pool's own business, and the\n"
        "blocks that it gives are counted. What it gets elsewhere, as it is created, counts as malloc.\n",
        commands::allocator, complete_allocator},
    Command{
        "limit", "[[--site FILE:LINE] SIZE | --peak | off]", "Stop the program where what is live passes a size.",
        "It stops as at a breakpoint, where the allocator call returns that took the traced size from at most SIZE\n"
        "(10MiB, 1.5k) to more; and again where it has been within SIZE meanwhile. --peak: SIZE is the largest\n"
        "that it has been so far. --site: what is live of that call site alone, in addition to the other limit. 'off'\n"
        "without --site takes both away. Without an argument: shows the limits.\n",
        commands::limit, complete_limit},
    Command{"check",
            "[OLD [NEW]] [--max-growth SIZE] [--max-blocks N] [--ignore PATTERN[:LINE]]... [--limit N] [--exit]",
            "Fail where memory grew between two snapshots.",
            "OLD and NEW are chosen as for 'diff'. It is an error if what is live grew by more than SIZE bytes (10MiB, "
            "1.5k;\n"
            "0 where neither it nor N is given) or N blocks; the call sites that grew follow. --ignore leaves out the "
            "call\n"
            "sites whose file matches. --exit ends the debugger: with status 0 where the check holds, else 1.\n",
            commands::check, complete_check},
    Command{
        "save", "FILE [SNAP]", "Save a snapshot to a file, for another session or for pprof.",
        "SNAP is a snapshot's name or number, or 'now'; default is the latest snapshot, or 'now' where there is none.\n"
        "The file is a gzipped pprof profile. It holds the names of files, functions and lines, so that tables of it\n"
        "need no program.\n",
        commands::save, complete_save},
    Command{"load", "FILE [NAME]", "Load a snapshot that was saved.",
            "It gets the name that it had, or NAME. No program is needed. Another program's gzipped pprof profile of\n"
            "memory can be loaded too.\n",
            commands::load, nullptr},
    Command{
        "export", "FILE [SNAP | OLD NEW]", "Write a snapshot, or what changed between two, for other programs.",
        "What is written is told by FILE's ending: .pb.gz (a pprof profile), .folded (flame graph stacks),\n"
        ".speedscope.json, .json (all of it, for scripts) or .html (one page with a flame graph and tables, which "
        "works\n"
        "offline). SNAP is a snapshot's name or number, or 'now'; default is the latest snapshot, or 'now' where there "
        "is\n"
        "none. With OLD and NEW it is the difference.\n",
        commands::export_file, complete_export},
    Command{"help", "[COMMAND]", "Explain a command, or list them all.", "", commands::help, complete_help},
};

Result<std::string> run_words(Session& session, Words words) {
  if (words.empty()) {
    return help_overview();
  }
  if (const auto* command = find_command(words.front())) {
    return command->run(session, words.subspan(1));
  }
  std::vector<std::string_view> names;
  for (const auto& command : kCommands) {
    names.push_back(command.name);
  }
  return fail(Code::usage, fmt::format("'{}' is no command; commands are {}", words.front(), fmt::join(names, ", ")));
}

}  // namespace

std::span<const Command> command_table() { return kCommands; }

const Command* find_command(std::string_view name) {
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  return found == kCommands.end() ? nullptr : &*found;
}

Result<std::string> run_command(Session& session, Words words) {
  try {
    return run_words(session, words);
  } catch (const std::exception& error) {
    return fail(Code::debugger, fmt::format("internal error: {}", error.what()));
  } catch (...) {
    return fail(Code::debugger, "internal error");
  }
}

std::vector<std::string> complete_command(Session& session, Words words) {
  if (words.empty()) {
    return {};
  }
  const auto& last = words.back();
  std::vector<std::string> candidates;
  if (words.size() == 1) {
    candidates = complete_help(session, {});
  } else if (const auto* command = find_command(words.front()); command != nullptr && command->complete != nullptr) {
    candidates = command->complete(session, words.subspan(1, words.size() - 2));
  }
  std::erase_if(candidates, [&last](const std::string& candidate) { return !candidate.starts_with(last); });
  return candidates;
}

std::string usage_line(const Command& command) {
  return command.usage.empty() ? fmt::format("memsnap {}", command.name)
                               : fmt::format("memsnap {} {}", command.name, command.usage);
}

std::string help_text(const Command& command) {
  return fmt::format("{}\nUsage: {}\n{}{}", command.summary, usage_line(command), command.help.empty() ? "" : "\n",
                     command.help);
}

std::string help_overview() {
  std::string text = "Snapshots of native memory: which line allocated what is still there.\n\n";
  for (const auto& command : kCommands) {
    text += fmt::format("memsnap {:<11} {}\n", command.name, command.summary);
  }
  text += "\nType 'memsnap help COMMAND' for its arguments.\n";
  text += "In the debugger's Python, 'import memsnap' gives tracemalloc's interface.\n";
  return text;
}

}  // namespace memsnap
