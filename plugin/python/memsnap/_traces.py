"""Traces: what a snapshot is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, List, Optional, Union

from ._frames import Traceback
from ._size import format_size

# (domain, size, frames, total_nframe): as tracemalloc's, the frames from the most recent one on. One of a session has
# a count and a thread behind that.
TraceTuple = Any


def count_of(trace: TraceTuple) -> int:
    """How many blocks the tuple stands for."""
    return int(trace[4]) if len(trace) > 4 else 1


class Trace:
    """The live blocks of one traceback, domain and thread."""

    __slots__ = ("_trace",)

    def __init__(self, trace: TraceTuple) -> None:
        self._trace = trace

    @property
    def domain(self) -> Any:
        """The allocator family, such as ``"malloc"``."""
        return self._trace[0]

    @property
    def size(self) -> int:
        """Bytes, of all its blocks together."""
        return int(self._trace[1])

    @property
    def count(self) -> int:
        """How many blocks it stands for."""
        return count_of(self._trace)

    @property
    def thread(self) -> Optional[str]:
        """Who allocated them, as memsnap's tables name it."""
        return str(self._trace[5]) if len(self._trace) > 5 else None

    @property
    def traceback(self) -> Traceback:
        """Where they were allocated."""
        return Traceback(*self._trace[2:4])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        return bool(self._trace == other._trace)

    def __hash__(self) -> int:
        return hash(self._trace)

    def __str__(self) -> str:
        return f"{self.traceback}: {format_size(self.size)}"

    def __repr__(self) -> str:
        return f"<Trace domain={self.domain} size={format_size(self.size)}, traceback={self.traceback!r}>"


class Traces(Sequence):  # type: ignore[type-arg]
    """A snapshot's traces."""

    def __init__(self, traces: List[TraceTuple]) -> None:
        self._traces = traces

    def __len__(self) -> int:
        return len(self._traces)

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            return tuple(map(Trace, self._traces[index]))
        return Trace(self._traces[index])

    def __contains__(self, trace: Any) -> bool:
        return trace._trace in self._traces

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Traces):
            return NotImplemented
        return self._traces == other._traces

    def __repr__(self) -> str:
        return f"<Traces len={len(self)}>"
