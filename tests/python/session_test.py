"""memsnap's package against a session that the test plays."""

import json
import os
import sys
import tempfile
import types
import unittest

import memsnap

SNAPSHOT = {
    "handle": 7,
    "limit": 2,
    "domains": ["malloc", "pool"],
    "threads": ["thread 1 (main)"],
    "frames": [
        ["/src/a.cpp", 8, "make()", "/bin/program", True, False],
        ["/src/a.cpp", 20, "main", "/bin/program", False, False],
        ["libc.so.6!start", 0, "start", "/lib/libc.so.6", False, True],
    ],
    "tracebacks": [[3, 0, 1, 2], [5, 2]],
    "traces": [[0, 0, 100, 2, 0], [1, 0, 30, 1, 1], [0, 0, 7, 1, 1]],
}


class Session(types.ModuleType):
    """Answers calls as it is told to, and remembers them."""

    def __init__(self):
        super().__init__("_memsnap_session")
        self.answers = {"snapshot": json.dumps(SNAPSHOT), "load": json.dumps(SNAPSHOT), "size": "3"}
        self.calls = []

    def call(self, words):
        self.calls.append(words)
        answer = self.answers.get(words[0], "")
        return answer if isinstance(answer, tuple) else ("", answer)

    @staticmethod
    def address(value):
        return value.address if hasattr(value, "address") else int(value)


class WithSession(unittest.TestCase):
    def setUp(self):
        self.session = sys.modules["_memsnap_session"] = Session()
        self.addCleanup(sys.modules.pop, "_memsnap_session")
        memsnap.size()  # which tells of what the test before has left
        self.session.calls.clear()

    def test_functions_are_calls(self):
        self.session.answers.update(state='{"tracing":true,"limit":25}', memory="[5,9]", overhead="12")
        self.session.answers.update(count="2", site="1")
        memsnap.start()
        memsnap.start(25, engine="breakpoint")
        memsnap.stop()
        memsnap.clear_traces()
        memsnap.reset_peak()
        self.assertEqual(
            self.session.calls,
            [["start", "1", "auto"], ["start", "25", "breakpoint"], ["stop"], ["clear"], ["reset-peak"]],
        )
        self.assertIs(memsnap.is_tracing(), True)
        self.assertEqual(memsnap.get_traceback_limit(), 25)
        self.assertEqual(memsnap.get_traced_memory(), (5, 9))
        self.assertEqual(memsnap.get_tracemalloc_memory(), 12)
        self.assertEqual((memsnap.size(), memsnap.count(), memsnap.site_size("a.cpp:8")), (3, 2, 1))
        self.assertEqual(self.session.calls[-1], ["site", "a.cpp:8"])

    def test_a_snapshot_is_read(self):
        snapshot = memsnap.take_snapshot()
        self.assertEqual(snapshot.traceback_limit, 2)
        first, second, _ = snapshot.traces
        self.assertEqual((first.domain, first.thread, first.size, first.count), ("malloc", "thread 1 (main)", 100, 2))
        self.assertEqual((second.domain, second.size, second.count), ("pool", 30, 1))
        self.assertEqual(first.traceback.total_nframe, 3)
        site = first.traceback[-1]
        self.assertEqual((str(site), site.function, site.module), ("/src/a.cpp:8", "make()", "/bin/program"))
        self.assertEqual((site.inlined, site.hidden), (True, False))
        self.assertEqual(site, memsnap.Frame(("/src/a.cpp", 8)))
        self.assertEqual(
            [str(row) for row in snapshot.statistics("lineno")],
            ["/src/a.cpp:8: size=100 B, count=2, average=50 B", "libc.so.6!start:0: size=37 B, count=2, average=18 B"],
        )
        kept = [str(trace) for trace in snapshot.filter_traces([memsnap.DomainFilter(False, "malloc")]).traces]
        self.assertEqual(kept, ["libc.so.6!start:0: 30 B"])

    def test_hidden_frames_are_not_formatted(self):
        first, second, _ = memsnap.take_snapshot().traces
        self.session.answers["source"] = '"/nowhere"'
        lines = ['  File "/src/a.cpp", line 20', '  File "/src/a.cpp", line 8']
        self.assertEqual(first.traceback.format(), lines)
        self.assertEqual(first.traceback.format(1), lines[1:])
        self.assertEqual(first.traceback.format(most_recent_first=True), lines[::-1])
        self.assertEqual(second.traceback.format(), ['  File "libc.so.6!start", line 0'])

    def test_source_lines_are_read_where_the_user_keeps_them_and_as_they_are_now(self):
        traceback = memsnap.take_snapshot().traces[0].traceback
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "moved.cpp")
            self.session.answers["source"] = json.dumps(path)
            for line in ("make();", "make_all();"):
                with open(path, "w", encoding="utf-8") as file:
                    file.write("\n" * 7 + line)
                self.assertEqual(traceback.format(1)[1], "    " + line)
        self.assertIn(["source", "/src/a.cpp"], self.session.calls)

    def test_a_snapshot_is_dumped_whole_or_filtered_and_released_in_the_end(self):
        snapshot = memsnap.take_snapshot()
        snapshot.dump("after.pb.gz")
        path = os.path.join(os.getcwd(), "after.pb.gz")
        self.assertEqual(self.session.calls[-1], ["dump", "7", path])
        part = snapshot.filter_traces([memsnap.Filter(False, "*.cpp")])
        del snapshot
        memsnap.size()
        self.assertNotIn(["release", "7"], self.session.calls)
        part.filter_traces([memsnap.DomainFilter(True, "malloc")]).dump("/x")
        self.assertEqual(self.session.calls[-1], ["dump", "7", "/x", "[2]"])
        del part
        memsnap.size()
        self.assertEqual(self.session.calls[-2:], [["release", "7"], ["size"]])
        with self.assertRaises(ValueError):
            memsnap.Snapshot([], 1).dump("/x")

    def test_load(self):
        with tempfile.NamedTemporaryFile() as file:
            self.assertEqual(len(memsnap.Snapshot.load(file.name).traces), 3)
            self.assertEqual(self.session.calls, [["load", file.name]])
        with self.assertRaises(FileNotFoundError):
            memsnap.Snapshot.load(file.name)

    def test_the_traceback_of_a_block(self):
        self.session.answers["block"] = json.dumps(SNAPSHOT)
        self.assertEqual(str(memsnap.get_object_traceback(-1)[-1]), "/src/a.cpp:8")
        pointer = types.SimpleNamespace(address=0x1000)
        self.assertEqual(memsnap.get_object_traceback(pointer).total_nframe, 3)
        self.assertEqual(self.session.calls, [["block", str(2**64 - 1)], ["block", str(0x1000)]])
        self.session.answers["block"] = "null"
        self.assertIsNone(memsnap.get_object_traceback(5))
        with self.assertRaises(TypeError):
            memsnap.get_object_traceback("5")

    def test_what_goes_wrong_is_an_exception(self):
        for kind, error in (
            ("usage", ValueError),
            ("not_found", LookupError),
            ("io", OSError),
            ("interrupted", KeyboardInterrupt),
            ("failed", RuntimeError),
        ):
            self.session.answers["snapshot"] = (kind, "so it is")
            with self.assertRaises(error) as caught:
                memsnap.take_snapshot()
            self.assertEqual(str(caught.exception), "so it is")
        for wrong in ("1", 1.5, None):
            with self.assertRaises(TypeError):
                memsnap.start(wrong)


class WithoutSession(unittest.TestCase):
    def test_it_is_said_that_there_is_none(self):
        with self.assertRaisesRegex(RuntimeError, "plugin is not loaded"):
            memsnap.take_snapshot()


if __name__ == "__main__":
    unittest.main()
