"""What statistics and comparisons are made of."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from ._frames import Traceback
from ._size import format_size


def _average(size: int, count: int) -> str:
    return f", average={format_size(size / count)}" if count else ""


class Statistic:
    """Live memory of one group of traces."""

    __slots__ = ("traceback", "size", "count")

    def __init__(self, traceback: Traceback, size: int, count: int) -> None:
        self.traceback = traceback
        self.size = size
        self.count = count

    def _values(self) -> Tuple[Any, ...]:
        return (self.traceback, self.size, self.count)

    def _sort_key(self) -> Tuple[Any, ...]:
        return (self.size, self.count, self.traceback)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Statistic):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __str__(self) -> str:
        return (
            f"{self.traceback}: size={format_size(self.size)}, count={self.count}" + _average(self.size, self.count)
        )

    def __repr__(self) -> str:
        return f"<Statistic traceback={self.traceback!r} size={self.size} count={self.count}>"


class StatisticDiff:
    """The same with the differences to an older snapshot."""

    __slots__ = ("traceback", "size", "size_diff", "count", "count_diff")

    def __init__(self, traceback: Traceback, size: int, size_diff: int, count: int, count_diff: int) -> None:
        self.traceback = traceback
        self.size = size
        self.size_diff = size_diff
        self.count = count
        self.count_diff = count_diff

    def _values(self) -> Tuple[Any, ...]:
        return (self.traceback, self.size, self.size_diff, self.count, self.count_diff)

    def _sort_key(self) -> Tuple[Any, ...]:
        return (abs(self.size_diff), self.size, abs(self.count_diff), self.count, self.traceback)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StatisticDiff):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __str__(self) -> str:
        size, size_diff = format_size(self.size), format_size(self.size_diff, sign=True)
        count = f"{self.count} ({self.count_diff:+})"
        return f"{self.traceback}: size={size} ({size_diff}), count={count}" + _average(self.size, self.count)

    def __repr__(self) -> str:
        return (
            f"<StatisticDiff traceback={self.traceback!r} size={self.size} ({self.size_diff:+})"
            f" count={self.count} ({self.count_diff:+})>"
        )


# [size, count] of each group.
Sums = Dict[Tuple[Any, ...], List[int]]


def ranked(sums: Sums) -> List[Statistic]:
    """Statistics, the largest first."""
    rows = [Statistic(Traceback(frames), size, count) for frames, (size, count) in sums.items()]
    return sorted(rows, key=Statistic._sort_key, reverse=True)


def compared(new: Sums, old: Sums) -> List[StatisticDiff]:
    """Differences of all groups, those that did not change included, the largest first."""
    rows = []
    for frames in {**new, **old}:
        size, count = new.get(frames, (0, 0))
        old_size, old_count = old.get(frames, (0, 0))
        rows.append(StatisticDiff(Traceback(frames), size, size - old_size, count, count - old_count))
    return sorted(rows, key=StatisticDiff._sort_key, reverse=True)
