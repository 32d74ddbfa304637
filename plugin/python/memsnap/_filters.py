"""Which traces a snapshot keeps."""

from __future__ import annotations

import fnmatch
import os.path
from typing import Any, Dict, Optional, Sequence

from ._frames import FrameTuple
from ._traces import TraceTuple


def _normal(filename: str) -> str:
    filename = os.path.normcase(filename)
    return filename[:-1] if filename.endswith(".pyc") else filename


class BaseFilter:
    """What filters have in common: whether they say which traces to keep, or which to leave out."""

    def __init__(self, inclusive: bool) -> None:
        self.inclusive = inclusive

    def _match(self, trace: TraceTuple) -> bool:
        """Whether the trace may stay, as far as this filter goes."""
        raise NotImplementedError


class Filter(BaseFilter):
    """Traces by file and line: of the call site, or of any frame with ``all_frames``.

    ``filename_pattern`` is a glob on the whole of ``Frame.filename``: ``"*/waste_memory.cpp"``, ``"libc.so.6!*"``.
    """

    def __init__(
        self,
        inclusive: bool,
        filename_pattern: str,
        lineno: Optional[int] = None,
        all_frames: bool = False,
        domain: Any = None,
    ) -> None:
        super().__init__(inclusive)
        self._filename_pattern = _normal(filename_pattern)
        self._known: Dict[str, bool] = {}  # the same few files come again and again
        self.lineno = lineno
        self.all_frames = all_frames
        self.domain = domain

    @property
    def filename_pattern(self) -> str:
        """As it was given."""
        return self._filename_pattern

    def _is_meant(self, frame: FrameTuple) -> bool:
        filename, lineno = frame
        known = self._known.get(filename)
        if known is None:
            known = self._known[filename] = fnmatch.fnmatch(_normal(filename), self._filename_pattern)
        return known and self.lineno in (None, lineno)

    def _match(self, trace: TraceTuple) -> bool:
        frames: Sequence[FrameTuple] = trace[2]
        is_meant = any(map(self._is_meant, frames if self.all_frames else frames[:1]))
        is_meant = is_meant and self.domain in (None, trace[0])
        return is_meant == bool(self.inclusive)


class DomainFilter(BaseFilter):
    """Traces by domain: ``DomainFilter(True, "malloc")``."""

    def __init__(self, inclusive: bool, domain: Any) -> None:
        super().__init__(inclusive)
        self._domain = domain

    @property
    def domain(self) -> Any:
        """The domain that is meant."""
        return self._domain

    def _match(self, trace: TraceTuple) -> bool:
        return bool(trace[0] == self._domain) == bool(self.inclusive)
