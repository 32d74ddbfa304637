"""Snapshots."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterable
from typing import Any, Dict, List, Optional, Tuple, Union

from ._call import call, forget
from ._filters import BaseFilter
from ._frames import Place
from ._statistics import Statistic, StatisticDiff, Sums, compared, ranked
from ._traces import Traces, TraceTuple, count_of

_KEYS = ("traceback", "filename", "lineno")


class _Kept:
    """A snapshot that the session keeps for us, for as long as this lives."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        weakref.finalize(self, forget, handle).atexit = False


class Snapshot:
    """What was live at one moment, by traceback."""

    def __init__(self, traces: List[TraceTuple], traceback_limit: int) -> None:
        """``traces`` are tuples: see ``Trace``."""
        self.traces = Traces(traces)
        self.traceback_limit = traceback_limit
        self._kept: Optional[_Kept] = None
        self._numbers: Optional[List[int]] = None  # of the traces in what the session keeps; None for all of them

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_kept": None, "_numbers": None}

    def dump(self, filename: Union[str, "os.PathLike[str]"]) -> None:
        """Writes it into a file, as ``memsnap save`` does: a gzipped pprof profile."""
        if self._kept is None:
            raise ValueError("only a snapshot of this session can be dumped, and not one made of traces")
        numbers = [] if self._numbers is None else [json.dumps(self._numbers)]
        call("dump", str(self._kept.handle), _absolute(filename), *numbers)

    @staticmethod
    def load(filename: Union[str, "os.PathLike[str]"]) -> "Snapshot":
        """Reads what ``dump`` or ``memsnap save`` wrote. Needs no program."""
        path = _absolute(filename)
        with open(path, "rb"):
            pass  # for the error that Python has for it
        return snapshot_of(call("load", path))

    def filter_traces(self, filters: Any) -> "Snapshot":
        """A new snapshot of the traces that pass: one inclusive filter at least, if there are any, and every other."""
        if not isinstance(filters, Iterable):
            raise TypeError(f"filters must be a list of filters, not {type(filters).__name__}")
        inclusive: List[BaseFilter] = []
        exclusive: List[BaseFilter] = []
        for each in filters:
            (inclusive if each.inclusive else exclusive).append(each)
        traces = self.traces._traces
        passed = [
            index
            for index, trace in enumerate(traces)
            if (not inclusive or any(each._match(trace) for each in inclusive))
            and all(each._match(trace) for each in exclusive)
        ]
        chosen = Snapshot([traces[index] for index in passed], self.traceback_limit)
        chosen._kept = self._kept
        chosen._numbers = passed if self._numbers is None else [self._numbers[index] for index in passed]
        return chosen

    def statistics(self, key_type: str, cumulative: bool = False) -> List[Statistic]:
        """Ranks what is live by ``"lineno"``, ``"filename"`` or ``"traceback"``: size, count, then traceback.

        ``cumulative`` charges every frame of a traceback, and not the call site alone.
        """
        return ranked(self._sums(key_type, cumulative))

    def compare_to(self, old_snapshot: "Snapshot", key_type: str, cumulative: bool = False) -> List[StatisticDiff]:
        """Ranks what changed: by the difference in size, size, the difference in count, count, then traceback."""
        return compared(self._sums(key_type, cumulative), old_snapshot._sums(key_type, cumulative))

    def _sums(self, key_type: str, cumulative: bool) -> Sums:
        if key_type not in _KEYS:
            raise ValueError(f"unknown key_type: {key_type!r}")
        if cumulative and key_type == "traceback":
            raise ValueError(f"cumulative mode cannot by used with key type {key_type!r}")
        sums: Sums = {}
        groups: Dict[Tuple[Any, ...], List[Any]] = {}  # by what is charged: a traceback, or a frame in one of its own
        for trace in self.traces._traces:
            size, frames, count = trace[1], trace[2], count_of(trace)
            for charged in ((frame,) for frame in frames) if cumulative else (frames,):
                group = groups.get(charged)
                if group is None:
                    group = groups[charged] = sums.setdefault(_key_of(key_type, charged), [0, 0])
                group[0] += size
                group[1] += count
        return sums


def _key_of(key_type: str, frames: Tuple[Any, ...]) -> Tuple[Any, ...]:
    if key_type == "lineno":
        return frames[:1]
    return frames if key_type == "traceback" else ((frames[0][0], 0),)


def _absolute(filename: Union[str, "os.PathLike[str]"]) -> str:
    return os.path.abspath(os.fspath(filename))


def tracebacks_of(answer: Dict[str, Any]) -> List[Tuple[Tuple[Place, ...], int]]:
    """Each traceback's frames, the most recent one first, and how many there were."""
    place_of = [Place.of(*frame) for frame in answer["frames"]].__getitem__
    return [(tuple(map(place_of, numbers[1:])), numbers[0]) for numbers in answer["tracebacks"]]


def snapshot_of(text: str) -> Snapshot:
    """A snapshot as the session tells it."""
    answer = json.loads(text)
    tracebacks = tracebacks_of(answer)
    domains, threads = answer["domains"], answer["threads"]
    traces = [
        (domains[domain], size, *tracebacks[traceback], count, threads[thread])
        for domain, thread, size, count, traceback in answer["traces"]
    ]
    snapshot = Snapshot(traces, answer["limit"])
    snapshot._kept = _Kept(answer["handle"])
    return snapshot
