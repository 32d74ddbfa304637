"""Breakpoints on the same addresses as memsnap's, with a handler that returns at once: what a stop costs in GDB itself."""

import gdb


class Empty(gdb.Breakpoint):
    def stop(self):
        return False


gdb.execute("break ready", to_string=True)
gdb.execute("run", to_string=True)
entries = [int(gdb.parse_and_eval("(long)entries[%d]" % i)) for i in range(2)]
gdb.execute("tbreak *%#x" % entries[0], to_string=True)
gdb.execute("continue", to_string=True)
for address in [*entries, gdb.newest_frame().older().pc()]:
    Empty("*%#x" % address, internal=True)
gdb.execute("continue")
