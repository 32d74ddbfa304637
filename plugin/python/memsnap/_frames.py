"""Frames and tracebacks."""

from __future__ import annotations

import json
import linecache
from collections.abc import Sequence
from functools import total_ordering
from typing import Any, Iterable, List, Optional, Tuple, Union

from ._call import call, has_session

# (filename, lineno): what frames are told apart by.
FrameTuple = Tuple[str, int]


class Place(Tuple[str, int]):
    """A FrameTuple with what else is known of a native frame, and by which it is not told apart from others."""

    function: str
    module: str
    inlined: bool
    hidden: bool

    @staticmethod
    def of(filename: str, lineno: int, function: str, module: str, inlined: bool, hidden: bool) -> "Place":
        place = Place((filename, lineno))
        place.function = function
        place.module = module
        place.inlined = inlined
        place.hidden = hidden
        return place


@total_ordering
class Frame:
    """A frame of a traceback. Two are equal where file and line are."""

    __slots__ = ("_frame",)

    def __init__(self, frame: FrameTuple) -> None:
        self._frame = frame

    @property
    def filename(self) -> str:
        """Whole path of the source file; ``module!function`` where no line is known."""
        return self._frame[0]

    @property
    def lineno(self) -> int:
        """From 1 on; 0 where no line is known, and in statistics by file."""
        return self._frame[1]

    @property
    def function(self) -> Optional[str]:
        """The function's name, demangled; None where it is not known, and in statistics by file."""
        return getattr(self._frame, "function", None) or None

    @property
    def module(self) -> Optional[str]:
        """Whole path of the program or library; None as for ``function``."""
        return getattr(self._frame, "module", None) or None

    @property
    def inlined(self) -> bool:
        """Whether the call was inlined into the next older frame."""
        return bool(getattr(self._frame, "inlined", False))

    @property
    def hidden(self) -> bool:
        """Whether ``memsnap hide`` has a rule for it, or no line of it is known."""
        return bool(getattr(self._frame, "hidden", False))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self._frame == other._frame

    def __lt__(self, other: "Frame") -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self._frame < other._frame

    def __hash__(self) -> int:
        return hash(self._frame)

    def __str__(self) -> str:
        return f"{self.filename}:{self.lineno}"

    def __repr__(self) -> str:
        return f"<Frame filename={self.filename!r} lineno={self.lineno!r}>"


@total_ordering
class Traceback(Sequence):  # type: ignore[type-arg]
    """The frames of an allocation, from the oldest to the most recent one, which is the call site."""

    __slots__ = ("_frames", "_total_nframe")

    def __init__(self, frames: Iterable[FrameTuple], total_nframe: Optional[int] = None) -> None:
        """``frames`` are the most recent one first, as in a trace."""
        self._frames: Tuple[FrameTuple, ...] = tuple(frames)[::-1]
        self._total_nframe = total_nframe

    @property
    def total_nframe(self) -> Optional[int]:
        """How many frames there were, before the traceback was cut at the limit; None where that is not known."""
        return self._total_nframe

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            return tuple(map(Frame, self._frames[index]))
        return Frame(self._frames[index])

    def __contains__(self, frame: Any) -> bool:
        return frame._frame in self._frames

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Traceback):
            return NotImplemented
        return self._frames == other._frames

    def __lt__(self, other: "Traceback") -> bool:
        if not isinstance(other, Traceback):
            return NotImplemented
        return self._frames < other._frames

    def __hash__(self) -> int:
        return hash(self._frames)

    def __str__(self) -> str:
        return str(self[0])

    def __repr__(self) -> str:
        total = "" if self._total_nframe is None else f" total_nframe={self._total_nframe}"
        return f"<Traceback {tuple(self)}{total}>"

    def format(self, limit: Optional[int] = None, most_recent_first: bool = False) -> List[str]:
        """The frames as lines, each with its source line where that can be read; hidden frames are left out.

        ``limit`` is the number of frames, the most recent ones; where it is negative, so many of those are left out.
        """
        frames = [frame for frame in self if not frame.hidden] or list(self)
        if limit is not None:
            frames = frames[-limit:] if limit > 0 else frames[:limit]
        if most_recent_first:
            frames.reverse()
        lines = []
        for frame in frames:
            lines.append(f'  File "{frame.filename}", line {frame.lineno}')
            source = _source_line(frame)
            if source:
                lines.append("    " + source)
        return lines


def _source_line(frame: Frame) -> str:
    path = frame.filename
    if isinstance(frame._frame, Place) and frame.lineno and has_session():
        path = json.loads(call("source", path))
        linecache.checkcache(path)
    return linecache.getline(path, frame.lineno).strip()
