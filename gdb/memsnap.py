"""memsnap: which line allocated the memory that is still there?

Load it with 'source PATH/memsnap.py', then type 'memsnap help'.
"""

import os
import re
import sys


def _own_path():
    # __file__ is that of the script which a user's script had GDB source this one from.
    return os.path.abspath(_own_path.__code__.co_filename)


_HERE = os.path.dirname(_own_path())


def _load_bridge():
    """The native part: beside this file in a build tree, under lib/ where it is installed."""
    import importlib.machinery
    import importlib.util

    places = [_HERE, os.path.join(_HERE, "..", "..", "lib", "memsnap")]
    for place in places:
        path = os.path.join(place, "_memsnap.so")
        if os.path.exists(path):
            loader = importlib.machinery.ExtensionFileLoader("_memsnap", path)
            module = importlib.util.module_from_spec(importlib.util.spec_from_loader("_memsnap", loader))
            loader.exec_module(module)
            return module
    raise gdb.GdbError("memsnap: its native part, _memsnap.so, is in none of: " + ", ".join(places))


def _has_front_end():
    """Whether GDB was started to be spoken to by a program."""
    try:
        with open("/proc/self/cmdline", encoding="utf-8", errors="replace") as file:
            words = file.read().split("\0")
    except OSError:
        return False
    return any(re.match(r"--?i(nterpreter)?(=(mi|dap)|$)", word) for word in words)


def _offer_package(bridge):
    """Makes `import memsnap` give the package."""
    import types

    def call(words):
        kind, text = bridge.call([word.encode("utf-8", "surrogateescape") for word in words])
        return kind.decode(), text.decode("utf-8", "replace")

    session = types.ModuleType("_memsnap_session", "The session of the GDB that this runs in, for the package memsnap.")
    session.call = call
    session.address = int
    sys.modules[session.__name__] = session
    # In a build tree, and where it is installed.
    for folder in (os.path.join(_HERE, "..", "python"), os.path.join(_HERE, "python")):
        if os.path.isdir(os.path.join(folder, "memsnap")):
            sys.path.insert(0, os.path.normpath(folder))
            break


def _register(gdb, bridge):
    has_front_end = _has_front_end()

    class HiddenBreakpoint(gdb.Breakpoint):
        """A breakpoint that the user does not see."""

        def __init__(self, address):
            super().__init__("*%#x" % address, internal=True)
            self.address = address

        def stop(self):
            after = bridge.on_breakpoint(self.address)
            if after != bridge.GO_ON:
                # GDB would name it by its number, which is negative. A front-end wants to be told why, all the same.
                self.silent = after == bridge.STOP_QUIETLY or not has_front_end
            return after != bridge.GO_ON

    bridge.connect(gdb, HiddenBreakpoint)

    def run(words):
        is_error, text = bridge.run(words)
        status = bridge.take_exit_status()
        if status is not None:
            gdb.write(text.rstrip("\n") + "\n", gdb.STDERR if is_error else gdb.STDOUT)
            gdb.flush()
            gdb.execute("with confirm off -- quit %d" % status)
        if is_error:
            raise gdb.GdbError(text)
        gdb.write(text)

    def words_of(text):
        # An unfinished quote while completing is no error.
        try:
            words = gdb.string_to_argv(text)
        except gdb.error:
            words = text.split()
        return words + [""] if not text or text[-1].isspace() else words

    class Memsnap(gdb.Command):
        # GDB calls this for what is not one of the subcommands.
        def invoke(self, argument, from_tty):
            run(gdb.string_to_argv(argument))

    Memsnap.__doc__ = bridge.overview()
    Memsnap("memsnap", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def register_command(name, help_text):
        class Subcommand(gdb.Command):
            def invoke(self, argument, from_tty):
                run([name] + gdb.string_to_argv(argument))

            def complete(self, text, word):
                # GDB completes from its own idea of a word's beginning: what stands before it is there already.
                words = words_of(text)
                present = len(words[-1]) - len(word or "")
                return [candidate[present:] for candidate in bridge.complete([name] + words)]

        Subcommand.__doc__ = help_text
        Subcommand("memsnap " + name, gdb.COMMAND_DATA)

    for name, help_text in bridge.commands():
        register_command(name, help_text)

    def register_function(name, doc, measure):
        class Measure(gdb.Function):
            def invoke(self, *arguments):
                try:
                    words = [argument.string() for argument in arguments]
                    is_error, value = measure(*words)
                except (gdb.error, TypeError):
                    raise gdb.GdbError("memsnap: $%s: %s" % (name, doc))
                if is_error:
                    raise gdb.GdbError(value)
                return value

        Measure.__doc__ = doc
        Measure(name)

    register_function(
        "memsnap_size",
        "What is live now, in bytes: break FUNCTION if $memsnap_size() > 10*1024*1024",
        bridge.live_size,
    )
    register_function("memsnap_count", "How many blocks are live now.", bridge.live_count)
    register_function(
        "memsnap_site_size",
        'What is live now of one call site, in bytes: print $memsnap_site_size("file.cpp:8")',
        bridge.live_size_at,
    )

    gdb.events.new_objfile.connect(lambda event: bridge.on_modules_changed())
    if hasattr(gdb.events, "free_objfile"):
        gdb.events.free_objfile.connect(lambda event: bridge.on_modules_changed())

    def breakpoint_changed(breakpoint):
        # GDB's own and ours have negative numbers.
        if breakpoint.number > 0:
            bridge.on_breakpoints_changed()

    for event in (gdb.events.breakpoint_created, gdb.events.breakpoint_modified, gdb.events.breakpoint_deleted):
        event.connect(breakpoint_changed)
    def show_frame(event):
        frame = bridge.take_frame_to_show()
        if frame is not None:
            gdb.execute("frame %d" % frame)

    def signal_stopped(event):
        if isinstance(event, gdb.SignalEvent):
            bridge.on_signal_stop(event.stop_signal)

    gdb.events.stop.connect(show_frame)
    gdb.events.stop.connect(signal_stopped)
    gdb.events.exited.connect(lambda event: bridge.on_process_gone(event.inferior.num))


def _load_once():
    """Loads this file as a module, so that sourcing it twice does no harm and nothing of it is left in __main__."""
    import importlib.util

    name = "_memsnap_plugin"
    if name not in sys.modules:
        specification = importlib.util.spec_from_file_location(name, os.path.join(_HERE, "memsnap.py"))
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        sys.modules[name] = module


if __name__ == "__main__":
    try:
        _load_once()
    finally:
        del _HERE, _has_front_end, _load_bridge, _load_once, _offer_package, _own_path, _register
else:
    import gdb

    _bridge = _load_bridge()
    _register(gdb, _bridge)
    _offer_package(_bridge)
