"""memsnap's package against Python's own tracemalloc: both are given the same traces."""

import functools
import inspect
import itertools
import os
import pickle
import random
import tempfile
import tracemalloc
import unittest

import memsnap

SEEDS = range(40)
KEYS = [("traceback", False), ("filename", False), ("lineno", False), ("filename", True), ("lineno", True)]
FILES = ["a.py", "/usr/lib/b.py", "/usr/lib/b.pyc", "<unknown>", "libc.so.6!strdup", "src/[x].cpp", "Ä.cpp"]
PATTERNS = ["*", "a.py", "*.py", "/usr/*", "*[x]*", "b.py", "*.pyc", "?.py", "<unknown>", "*!*", ""]
SIZES = [0, 1, 99, 100, 1023, 1024, 10239, 10240, 99 * 1024, 102400, 10 * 1024**2, 2**34, 2**45, 2**60]


def frames(chance):
    """One to six frames, out of few, so that equal ones come often."""
    return tuple((chance.choice(FILES), chance.randrange(4)) for _ in range(chance.randint(1, 6)))


def traces(chance):
    """Traces as the two modules take them, some of them with one traceback."""
    tracebacks = [(frames(chance), chance.randint(1, 40)) for _ in range(chance.randint(1, 8))]
    sizes = [*SIZES, *(chance.randrange(300000) for _ in SIZES)]
    return [
        (chance.randrange(3), chance.choice(sizes), *chance.choice(tracebacks))
        for _ in range(chance.choice([0, 1, 2, 50]))
    ]


def twins(chance):
    """Two snapshots of the same, tracemalloc's first."""
    some = traces(chance)
    return tracemalloc.Snapshot(list(some), 7), memsnap.Snapshot(list(some), 7)


def shown(rows):
    """All that can be seen of statistics or traces."""
    names = ("size", "size_diff", "count", "count_diff", "domain")
    return [
        (
            str(row),
            repr(row),
            [getattr(row, name) for name in names if hasattr(row, name) and type(row).__name__ != "Trace"],
            [(frame.filename, frame.lineno) for frame in row.traceback],
            row.traceback.total_nframe,
        )
        for row in rows
    ]


def seeded(test):
    """Runs a test once for each seed."""

    @functools.wraps(test)
    def run(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                test(self, random.Random(seed))

    del run.__wrapped__  # or the parameter would be taken for the test's own
    return run


class Comparison(unittest.TestCase):
    def same_error(self, theirs, ours):
        """Both fail with the same words, or neither does; returns what they gave."""
        results = []
        for action in (theirs, ours):
            try:
                results.append((None, action()))
            except Exception as error:
                results.append(((type(error), str(error)), None))
        self.assertEqual(results[0][0], results[1][0])
        return results[0][1], results[1][1]

    @seeded
    def test_statistics(self, chance):
        theirs, ours = twins(chance)
        for key, cumulative in KEYS:
            self.assertEqual(shown(ours.statistics(key, cumulative)), shown(theirs.statistics(key, cumulative)))

    @seeded
    def test_comparisons(self, chance):
        old, new = twins(chance), twins(chance)
        for key, cumulative in KEYS:
            self.assertEqual(
                shown(new[1].compare_to(old[1], key, cumulative)), shown(new[0].compare_to(old[0], key, cumulative))
            )
            self.assertEqual(shown(new[1].compare_to(new[1], key)), shown(new[0].compare_to(new[0], key)))

    @seeded
    def test_filters(self, chance):
        theirs, ours = twins(chance)
        for _ in range(20):
            wanted = [
                (chance.random() < 0.5, chance.choice(PATTERNS), chance.choice([None, 0, 1, 2]),
                 chance.random() < 0.5, chance.choice([None, 0, 1]))
                if chance.random() < 0.7 else (chance.random() < 0.5, chance.randrange(3))
                for _ in range(chance.randint(0, 4))
            ]  # fmt: skip
            left, right = (
                snapshot.filter_traces(
                    [(module.Filter if len(each) > 2 else module.DomainFilter)(*each) for each in wanted]
                )
                for module, snapshot in ((tracemalloc, theirs), (memsnap, ours))
            )
            self.assertEqual(shown(right.traces), shown(left.traces), wanted)
            self.assertEqual(right.traceback_limit, left.traceback_limit)
            self.assertEqual(shown(right.statistics("lineno")), shown(left.statistics("lineno")))

    def test_filters_say_what_they_are(self):
        for pattern in PATTERNS:
            self.assertEqual(
                memsnap.Filter(True, pattern).filename_pattern, tracemalloc.Filter(True, pattern).filename_pattern
            )
        for module in (tracemalloc, memsnap):
            each = module.Filter(False, "a.py", 3, True, 2)
            self.assertEqual((each.inclusive, each.lineno, each.all_frames, each.domain), (False, 3, True, 2))
            # The attributes may be set later, as they may be there.
            each.inclusive, each.lineno = True, 1
            self.assertTrue(each._match((2, 1, (("a.py", 1),), 1)))
            self.assertFalse(each._match((2, 1, (("a.py", 3),), 1)))
            self.assertEqual((module.DomainFilter(True, 1).domain, module.DomainFilter(True, 1).inclusive), (1, True))

    def test_wrong_use(self):
        theirs, ours = twins(random.Random(3))
        for use in (
            lambda snapshot: snapshot.statistics("function"),
            lambda snapshot: snapshot.statistics(None),
            lambda snapshot: snapshot.statistics("traceback", True),
            lambda snapshot: snapshot.compare_to(snapshot, "lineo"),
            lambda snapshot: snapshot.filter_traces(3),
        ):
            self.same_error(lambda: use(theirs), lambda: use(ours))
            with self.assertRaises((ValueError, TypeError)):
                use(ours)

    def test_tracebacks_are_formatted(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "source.cpp")
            with open(source, "w", encoding="utf-8") as file:
                file.write("first();\n\n  third();  // Ä\n")
            chance = random.Random(1)
            for _ in range(50):
                stack = tuple((chance.choice([source, "nowhere.c"]), chance.randrange(5)) for _ in range(5))
                for limit, first in itertools.product([None, 0, 1, 2, 5, 9, -1, -3, -9], [False, True]):
                    self.assertEqual(
                        memsnap.Traceback(stack).format(limit, first), tracemalloc.Traceback(stack).format(limit, first)
                    )
            self.assertIn("    third();  // Ä", memsnap.Traceback([(source, 3)]).format())

    @seeded
    def test_tracebacks_are_sequences(self, chance):
        stack, other = frames(chance), frames(chance)
        ours, theirs = memsnap.Traceback(stack, 9), tracemalloc.Traceback(stack, 9)
        self.assertEqual([len(ours), str(ours), repr(ours)], [len(theirs), str(theirs), repr(theirs)])
        self.assertEqual(repr(ours[1:]), repr(theirs[1:]))
        self.assertEqual(repr(ours[-1]), repr(theirs[-1]))
        self.same_error(lambda: theirs[9], lambda: ours[9])
        for frame in (*stack, *other):
            self.assertEqual(memsnap.Frame(frame) in ours, tracemalloc.Frame(frame) in theirs)
            self.assertEqual(ours.count(memsnap.Frame(frame)), theirs.count(tracemalloc.Frame(frame)))

    @seeded
    def test_values_are_compared(self, chance):
        left, right = frames(chance)[:2], chance.choice([frames(chance)[:2], ()])
        for kind, arguments in (
            ("Frame", [((left or right)[0],), ((right or left)[0],), ((left or right)[0],)]),
            ("Traceback", [(left, 1), (right, 1), (left, 2)]),
            ("Trace", [((0, 1, left, 3),), ((0, 1, right, 3),), ((0, 1, left, 4),)]),
            ("Statistic", [(memsnap.Traceback(each), size, 2) for each, size in ((left, 1), (right, 1), (left, 2))]),
            ("StatisticDiff", [(memsnap.Traceback(left), 1, 2, 3, 4), (memsnap.Traceback(right), 1, 2, 3, 4)]),
        ):
            ours = [getattr(memsnap, kind)(*each) for each in arguments] + [3]
            theirs = [getattr(tracemalloc, kind)(*each) for each in arguments] + [3]
            for i, j in itertools.product(range(len(ours)), repeat=2):
                self.assertEqual(ours[i] == ours[j], theirs[i] == theirs[j])
                self.assertEqual(ours[i] != ours[j], theirs[i] != theirs[j])
                if ours[i] == ours[j]:
                    self.assertEqual(hash(ours[i]), hash(ours[j]))
                for name in ("lt", "le", "gt", "ge"):
                    method = f"__{name}__"
                    self.assertEqual(
                        getattr(ours[i], method)(ours[j]) if not isinstance(ours[i], int) else 0,
                        getattr(theirs[i], method)(theirs[j]) if not isinstance(theirs[i], int) else 0,
                    )

    @seeded
    def test_traces(self, chance):
        theirs, ours = twins(chance)
        self.assertEqual(shown(ours.traces), shown(theirs.traces))
        self.assertEqual([trace.size for trace in ours.traces], [trace.size for trace in theirs.traces])
        self.assertEqual([trace.domain for trace in ours.traces], [trace.domain for trace in theirs.traces])
        self.assertEqual(shown(ours.traces[1:3]), shown(theirs.traces[1:3]))
        self.assertEqual(len(ours.traces), len(theirs.traces))
        self.assertEqual(ours.traces, memsnap.Snapshot(list(ours.traces._traces), 1).traces)
        self.assertTrue(all(trace in ours.traces for trace in ours.traces))
        self.assertTrue(all(trace.count == 1 and trace.thread is None for trace in ours.traces))

    def test_one_trace_may_stand_for_many_blocks(self):
        alone = memsnap.Snapshot([("new", 5, (("a", 1),), 1, 1, "t")] * 4, 1)
        together = memsnap.Snapshot([("new", 20, (("a", 1),), 1, 4, "t")], 1)
        for key, cumulative in KEYS:
            self.assertEqual(shown(together.statistics(key, cumulative)), shown(alone.statistics(key, cumulative)))
        self.assertEqual((together.traces[0].count, together.traces[0].thread), (4, "t"))

    def test_names_and_parameters(self):
        def parameters(function):
            return [(each.name, each.default) for each in inspect.signature(function).parameters.values()]

        for name, theirs in vars(tracemalloc).items():
            module = getattr(theirs, "__module__", None)
            if name.startswith("_") or module not in ("tracemalloc", "_tracemalloc"):
                continue
            ours = getattr(memsnap, name)
            if not inspect.isclass(theirs):
                wanted = parameters(theirs)
                self.assertEqual(parameters(ours)[: len(wanted)], wanted, name)
                self.assertTrue(inspect.getdoc(ours), name)
                continue
            for member, method in vars(theirs).items():
                if not member.startswith("_") or member == "__init__":
                    with self.subTest(name=f"{name}.{member}"):
                        self.assertTrue(hasattr(ours, member))
                        if callable(method):
                            self.assertEqual(parameters(getattr(ours, member)), parameters(getattr(theirs, member)))

    def test_snapshots_are_copied_by_pickle(self):
        ours = twins(random.Random(5))[1]
        copy = pickle.loads(pickle.dumps(ours))
        self.assertEqual(copy.traces, ours.traces)
        self.assertEqual(copy.statistics("lineno"), ours.statistics("lineno"))


if __name__ == "__main__":
    unittest.main()
