"""tracemalloc's interface to the native heap of the program that is being debugged.

A script that was written for ``tracemalloc`` runs with its import changed::

    import memsnap

    memsnap.start()
    # ... the program runs, and stops ...
    before = memsnap.take_snapshot()
    # ... and once more ...
    after = memsnap.take_snapshot()
    for statistic in after.compare_to(before, "lineno")[:10]:
        print(statistic)

Names, attributes, orders, ``str()`` and ``repr()`` are those of Python 3.13's module. What native programs add:

* A traceback begins, as its most recent frame, with the call site that memsnap's tables name: frames of the allocator
  and of libraries inside it are left out. Inlined calls are frames like others. ``Frame`` also has ``function``,
  ``module``, ``inlined`` and ``hidden``; hidden frames further out are in a traceback, but ``Traceback.format`` passes
  them over, as ``memsnap traceback`` does.
* ``Frame.filename`` is the whole path of the source file. Where no line is known it is ``module!function``, as in
  memsnap's tables, and ``lineno`` is 0.
* The books are kept by call site, not by block: a ``Trace`` stands for all live blocks of one traceback, thread and
  domain. Its ``size`` is theirs together, ``count`` is how many they are, and ``thread`` who allocated them.
* A domain is a word, such as ``"malloc"``.
* ``start(nframe)`` says how many frames a traceback shows, from its call site on. At least 32 are recorded.
* Snapshots are dumped as ``memsnap save`` writes them, and not pickled.

memsnap's own are ``get_snapshot``, ``size``, ``count`` and ``site_size``.
"""

from ._filters import BaseFilter, DomainFilter, Filter
from ._frames import Frame, Traceback
from ._session import (
    clear_traces,
    count,
    get_object_traceback,
    get_snapshot,
    get_traceback_limit,
    get_traced_memory,
    get_tracemalloc_memory,
    is_tracing,
    reset_peak,
    site_size,
    size,
    start,
    stop,
    take_snapshot,
)
from ._snapshot import Snapshot
from ._statistics import Statistic, StatisticDiff
from ._traces import Trace

__all__ = [
    "BaseFilter",
    "DomainFilter",
    "Filter",
    "Frame",
    "Snapshot",
    "Statistic",
    "StatisticDiff",
    "Trace",
    "Traceback",
    "clear_traces",
    "count",
    "get_object_traceback",
    "get_snapshot",
    "get_traceback_limit",
    "get_traced_memory",
    "get_tracemalloc_memory",
    "is_tracing",
    "reset_peak",
    "site_size",
    "size",
    "start",
    "stop",
    "take_snapshot",
]
