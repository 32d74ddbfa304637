"""tracemalloc's functions, over the debugger's session."""

from __future__ import annotations

import json
import operator
from typing import Any, Optional, Tuple

from ._call import address_of, call
from ._frames import Traceback
from ._snapshot import Snapshot, snapshot_of, tracebacks_of

_ADDRESSES = 1 << 64


def start(nframe: int = 1, *, engine: str = "auto") -> None:
    """Starts tracing: before the program runs from its first allocation on, in a live process from now on.

    ``nframe``, 1 to 256, is how many frames a traceback shows, from the call site on. ``engine`` is as for
    ``memsnap start``. Does nothing where memsnap is tracing already.
    """
    call("start", str(operator.index(nframe)), engine)


def stop() -> None:
    """Stops tracing and leaves the process as it was. Snapshots stay."""
    call("stop")


def is_tracing() -> bool:
    """Whether memsnap is tracing, or will as soon as there is a process."""
    return bool(json.loads(call("state"))["tracing"])


def clear_traces() -> None:
    """Forgets every block recorded so far."""
    call("clear")


def get_traced_memory() -> Tuple[int, int]:
    """What is live now and its peak, in bytes; zeros where nothing is traced."""
    size, peak = json.loads(call("memory"))
    return (size, peak)


def reset_peak() -> None:
    """The peak becomes what is live now."""
    call("reset-peak")


def get_tracemalloc_memory() -> int:
    """Memory that memsnap itself uses, in the process and in the debugger, in bytes."""
    return int(call("overhead"))


def get_traceback_limit() -> int:
    """How many frames a traceback shows: what ``start`` was told, or ``memsnap start``."""
    return int(json.loads(call("state"))["limit"])


def take_snapshot() -> Snapshot:
    """What is live now. RuntimeError where nothing is traced, or the process is running.

    It is none of those that ``memsnap list`` shows, and ends with the last reference to it.
    """
    return get_snapshot("now")


def get_snapshot(name: str) -> Snapshot:
    """A snapshot of ``memsnap take`` or ``memsnap load``, by name or number. LookupError where there is none."""
    return snapshot_of(call("snapshot", str(name)))


def get_object_traceback(obj: Any) -> Optional[Traceback]:
    """Where the live block was allocated that holds an address; None where none is known.

    ``obj`` is the address: a number, or a value as the debugger has it, such as a pointer.
    """
    answer = json.loads(call("block", str(address_of(obj) % _ADDRESSES)))
    return None if answer is None else Traceback(*tracebacks_of(answer)[0])


def size() -> int:
    """What is live now, in bytes. Cheap enough for a breakpoint's condition."""
    return int(call("size"))


def count() -> int:
    """How many blocks are live now."""
    return int(call("count"))


def site_size(site: str) -> int:
    """What is live now of one call site, ``"file.cpp:8"``, in bytes."""
    return int(call("site", site))
