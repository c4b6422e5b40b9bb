"""Run the graders of one exercise on a source text, in this process: any number of times, and without a
trace.
"""

import contextlib
import dataclasses
import io
import linecache
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType

import hypothesis
import pytest

from minicompress.grading import why
from minicompress.grading.calls import watch
from minicompress.grading.course import Exercise, unwritten
from minicompress.grading.guards import Guards, InShort
from minicompress.grading.isolation import isolated, load
from minicompress.grading.report import Outcome, Result
from minicompress.grading.why import Comparison
from minicompress.lab.paths import ROOT, shown

UNUSED = ["cacheprovider", "faulthandler", "logging", "unraisableexception", "threadexception", "junitxml"]
OPTIONS = [
    "--tb=no",  # the others parse the whole file of graders for each that fails: see trace_of
    "--capture=sys",
    "--disable-plugin-autoload",
    *(f"-pno:{plugin}" for plugin in UNUSED),
]

# The same inputs at every run, so that the same mistake gives the same errors. No explanation phase: it is
# slow.
PHASES = [hypothesis.Phase.explicit, hypothesis.Phase.generate, hypothesis.Phase.shrink]
hypothesis.settings.register_profile(
    "graders", derandomize=True, database=None, phases=PHASES, report_multiple_bugs=False
)

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
Tell = Callable[[dict], object]


def run_graders(
    exercise: Exercise,
    source: str,
    device: str = "cpu",
    seed: int = 0,
    tell: Tell = lambda _: None,
    expected: Result | None = None,
) -> Result:
    """Grade `source`, a whole module as `assemble` makes it; every other chapter comes from the solutions.

    `tell` hears {"graders": count}, {"running": title} and {"outcome": {...}} as they happen. With
    `expected`, those that fail there come first, and the first grader that does not say the same ends it: a
    cheap way to tell two mistakes apart.
    """
    out, err = InShort(io.StringIO()), InShort(io.StringIO())
    quiet = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    kept = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # Windows keeps files that are mapped
    with isolated(exercise.module), kept as folder, settings(), quiet[0], quiet[1]:
        try:
            module = load(exercise.module, source)
        except BaseException as error:  # whatever a file raises, SystemExit or a skip
            outcome = broken(error)
            tell({"outcome": dataclasses.asdict(outcome)})
            return Result(exercise.id, [outcome])
        listener = Listener(exercise, module, folder, tell, expected)
        words = [
            str(exercise.graders),
            f"--rootdir={ROOT}",
            f"--device={device}",
            f"--seed={seed}",
            f"--basetemp={folder}/files",
        ]
        pytest.main([*words, *OPTIONS], plugins=[listener, Guards(listener.file)])
    if not listener.outcomes:
        raise ValueError(f"{shown(exercise.graders)} holds no grader of exercise {exercise.id}")
    return Result(exercise.id, list(listener.outcomes.values()))


def broken(error: BaseException) -> Outcome:
    """The outcome when the module cannot even be imported."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    problem = f"{type(error).__name__}: {why.first_line(error)}"
    trace = "".join(traceback.format_exception(error))
    return Outcome(
        "import",
        False,
        "the import",
        reason=why.ended(f"{last.filename}, line {last.lineno}: {problem}"),
        error=problem,
        message=problem,
        trace=trace,
    )


class Listener:
    """A pytest plugin that keeps to one exercise's graders and notes what they say."""

    def __init__(
        self, exercise: Exercise, module: ModuleType, folder: str, tell: Tell, expected: Result | None
    ):
        self.exercise, self.file, self.tell, self.expected = exercise, module.__file__, tell, expected
        self.files = files_under(folder)
        self.calls = watch(module, exercise.returning)
        self.outcomes: dict[str, Outcome] = {}
        self.compared: Comparison | None = None  # what pytest asked about last

    def pytest_pycollect_makeitem(self, name: str) -> list | None:
        """Do not even collect the graders of other exercises: a file has hundreds of cases."""
        return [] if name.startswith("test_") and not name.startswith(self.exercise.prefix) else None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.expected:
            items.sort(key=lambda item: item.name not in self.expected.failures)
        self.tell({"graders": len(items)})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            reason = f"{report.nodeid} cannot be collected."
            self.outcomes["collection"] = outcome = Outcome(
                "collection", False, "the collection", "", reason, trace=report.longreprtext
            )
            self.tell({"outcome": dataclasses.asdict(outcome)})

    def same_each_time(self, text: str) -> str:
        """Leave out what differs from run to run: folders of temporary files, addresses in memory."""
        return re.sub(r"0x[0-9a-f]+", "0x", self.files.sub("", text))

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str]:
        """Remember the comparison of an assertion that failed; of several, the one that failed comes last."""
        self.compared = Comparison(op, left, right)
        return [str(self.compared)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.tell({"running": title_of(item, self.exercise)})
        self.compared = None
        self.calls.clear()
        done = yield
        outcome = self.outcomes.get(item.name)
        if outcome:
            self.tell({"outcome": dataclasses.asdict(outcome)})
        if outcome and self.expected and not same(outcome, self.expected, self.exercise.timed):
            del item.session.items[item.session.items.index(item) + 1 :]
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
        report = yield
        before = self.outcomes.get(item.name)
        first_failure = not report.passed and (before is None or before.passed)
        if first_failure or (report.passed and report.when == "call"):
            about = (item.function.__doc__ or "").strip()
            self.outcomes[item.name] = outcome = Outcome(
                item.name, report.passed, title_of(item, self.exercise), about
            )
            if report.failed:
                self.describe_if_possible(outcome, call.excinfo.value, report)
            elif report.skipped:
                outcome.reason = outcome.error = outcome.message = (
                    "A skipped grader does not count as passed."
                )
        return report

    def describe_if_possible(self, outcome: Outcome, error: BaseException, report: pytest.TestReport) -> None:
        """Write down how a grader failed, also where the learner's own objects cannot be printed."""
        try:
            self.describe(outcome, error, report)
        except Exception as second:
            outcome.reason = f"The error cannot be shown: that raises {type(second).__name__}."
            outcome.error = outcome.message = outcome.reason

    def describe(self, outcome: Outcome, error: BaseException, report: pytest.TestReport) -> None:
        """Write down how a grader failed: of a known mistake its message alone, since it is only compared."""
        outcome.message = self.same_each_time(f"{type(error).__name__}: {error}".strip())
        outcome.error = outcome.message.partition("\n")[0]
        if self.expected:
            return
        place = why.learner_line(error.__traceback__, self.file)
        names, text = self.exercise.names, "".join(linecache.getlines(self.file))
        stubs = unwritten(self.exercise, text) if why.is_left_in(error) else []
        reason = why.sentence(error, place, names, self.calls, self.compared, stubs)
        outcome.reason = self.same_each_time(reason)
        outcome.slip = why.is_slip(error)
        outcome.raised_in = why.learner_function(error.__traceback__, self.file)
        outcome.printed = report.capstdout
        captured = [text for name, text in report.sections if "Captured" in name]
        outcome.trace = "\n".join([trace_of(error, str(self.exercise.graders)), *captured])


def trace_of(error: BaseException, graders: str) -> str:
    """The traceback of an error and of those behind it, from the grader on: what calls it is pytest's."""
    told = part = traceback.TracebackException.from_exception(error)
    while part:
        first = next((i for i, frame in enumerate(part.stack) if frame.filename == graders), 0)
        own = [frame for frame in part.stack[first:] if "hypothesis" not in frame.filename]
        part.stack = traceback.StackSummary.from_list(own)
        part = part.__cause__ or part.__context__
    return "".join(told.format())


def files_under(folder: str) -> re.Pattern:
    """Match a path up to one test's folder of temporary files, with either kind of slash."""
    parts = [*re.split(r"[\\/]+", folder), "files", ""]
    return re.compile(r"[\\/]+".join(map(re.escape, parts)) + r"[^\\/]*[\\/]+")


def title_of(item: pytest.Item, exercise: Exercise) -> str:
    """The grader's name as words, and with which parameters."""
    words = item.originalname.removeprefix(exercise.prefix).replace("_", " ")
    values = (
        {name: repr(value) for name, value in item.callspec.params.items()}
        if hasattr(item, "callspec")
        else {}
    )
    given = ", ".join(
        f"{name} = {value}" for name, value in values.items() if len(value) <= 40 and " at 0x" not in value
    )
    return f"{words}, with {given}" if given else words


def same(outcome: Outcome, expected: Result, timed: bool) -> bool:
    """Whether a grader says here what it said there: the same words, and the same numbers but for rounding.

    Measured seconds differ a little: compare them to within 15%.
    """
    there = expected.failures.get(outcome.name, "")
    here = "" if outcome.passed else outcome.message
    tolerance = 0.15 if timed else 1e-3
    numbers = NUMBER.findall(here), NUMBER.findall(there)
    if NUMBER.split(here) != NUMBER.split(there):
        return False
    return all(abs(float(a) - float(b)) <= tolerance * abs(float(b)) for a, b in zip(*numbers, strict=True))


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """Let hypothesis use the graders' profile for a while."""
    before = hypothesis.settings.get_current_profile_name()
    hypothesis.settings.load_profile("graders")
    try:
        yield
    finally:
        hypothesis.settings.load_profile(before)
