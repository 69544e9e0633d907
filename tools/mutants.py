"""Change jor in one place at a time, and see whether a fast test notices: `python tools/mutants.py [NAME ...]`.

Nine changes are named here: each had survived the fast tests once. Others are drawn (--seed, --count) from the modules
that decide whether an output is whole and whether a job runs twice: a comparison, an `and`, a condition, a number or a
sign is changed, or a statement, a handler or a returned value is dropped. Docstrings, messages, annotations and
decorators stay.

A temporary copy of the repository is changed, never the repository itself. A mutant is caught when a test fails, and
fails again alone, or takes too long; the tests of its module come first, so that most are caught in seconds. One that
survives costs the whole fast suite, some minutes. With NAMEs, only those mutants are tried. The exit code is 1 if fewer
than 28 of 30 are caught. Needs pytest, pytest-timeout, pytest-xdist and hypothesis.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CORE, SLURM, CLI = (f"packages/jor-{name}" for name in ("core/src/jor", "slurm/src/jor_slurm", "cli/src/jor_cli"))
STAGING, STORE = f"{CORE}/runtime/staging.py", f"{CORE}/runs/store.py"
SUITE = ("tests/core", "tests/slurm", "tests/containers", "tests/cli")
#: The modules that lines are drawn from, and their tests, which are run first.
DRAWN_FROM = {
    STAGING: ("tests/core/runtime/test_staging.py",),
    f"{CORE}/runs/lease.py": ("tests/core/runs/test_lease.py",),
    f"{CORE}/planning/planner.py": ("tests/core/runs/test_submission.py", "tests/core/planning"),
    f"{CORE}/runs/submission.py": ("tests/core/runs", "tests/core/planning"),
    STORE: ("tests/core/runs", "tests/core/planning"),
}
TESTS = {
    **DRAWN_FROM,
    f"{CORE}/runtime/jobargs.py": ("tests/core/runtime/test_jobargs.py",),
    f"{CORE}/planning/status.py": ("tests/core/planning",),
    f"{SLURM}/commands.py": ("tests/slurm/test_commands.py",),
    f"{CLI}/errors.py": ("tests/cli/test_errors.py",),
    f"{CLI}/schedulers/slurm/scheduler.py": ("tests/cli/schedulers",),
}
#: Name, file, a text that stands there once, and what it becomes.
NAMED = (
    ("numbers-unbounded", f"{CORE}/runtime/jobargs.py", "if isinstance(value, int) and value.bit_length() > MAX_BITS:",
     "if False:"),
    ("output-not-forced", STAGING, "            force(path)\n        move(path, output)",
     "            pass\n        move(path, output)"),
    ("copied-in-place", STAGING, 'halfway = f"{os.path.dirname(target)}/{_halfway(Owner.current())}"',
     "halfway = target"),
    ("submission-in-place", STORE, 'halfway = f"{run.submission}.partial"', "halfway = run.submission"),
    ("requeued-not-queued", f"{CORE}/planning/status.py", "if interrupted and state.phase is not Phase.OVER:",
     "if False:"),
    ("hanging-sbatch-is-plain", f"{SLURM}/commands.py",
     "raise UnconfirmedError(error.what, remedy=error.remedy) from error", "raise"),
    ("scancel-without-name", f"{SLURM}/commands.py", '("scancel", f"--name={array.name}", ', '("scancel", '),
    ("limit-is-not-for-later", f"{CLI}/errors.py", "(BusyError, LimitError, CommandError)",
     "(BusyError, CommandError)"),
    ("sbatch-before-request-log", f"{CLI}/schedulers/slurm/scheduler.py",
     "            request_log.asked(run)\n"
     "            return self._slurm.submit(one.script, one.options, indices(one.submission.tasks), one.throttle)",
     "            array = self._slurm.submit(one.script, one.options, indices(one.submission.tasks), one.throttle)\n"
     "            request_log.asked(run)\n"
     "            return array"),
)  # fmt: skip
#: Seconds for one test, and for one run of pytest.
TEST_TIMEOUT, RUN_TIMEOUT = 120, 1800

_PAIRS = (
    (ast.Eq, ast.NotEq), (ast.Lt, ast.GtE), (ast.LtE, ast.Gt), (ast.Is, ast.IsNot), (ast.In, ast.NotIn),
    (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.FloorDiv),
)  # fmt: skip
OTHER: dict[type, type] = {one: two for pair in _PAIRS for one, two in (pair, pair[::-1])} | {ast.Div: ast.Mult}
#: What of a node is not looked at: annotations, decorators, what is raised, messages of assertions.
_APART = ("annotation", "returns", "decorator_list", "exc", "cause", "msg")


class Mutant(NamedTuple):
    """One change: in `file`, the text `old` that begins at byte `start` becomes `new`."""

    name: str
    file: str
    start: int
    old: str
    new: str

    def apply(self, source: bytes) -> bytes:
        """Return the content of the file with the change."""
        return source[: self.start] + self.new.encode() + source[self.start + len(self.old.encode()) :]


def named() -> Iterator[Mutant]:
    """Yield the changes of NAMED."""
    for name, file, old, new in NAMED:
        text = (ROOT / file).read_text()
        assert text.count(old) == 1, f"{name}: {file} has {text.count(old)} times {old!r}"
        yield Mutant(name, file, len(text.partition(old)[0].encode()), old, new)


def drawn(seed: int, count: int) -> Iterator[Mutant]:
    """Yield one change each of `count` lines of the modules in DRAWN_FROM."""
    places: dict[tuple[str, int], list[Mutant]] = {}
    for file in DRAWN_FROM:
        source = (ROOT / file).read_bytes()
        starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]
        for node in _nodes(ast.parse(source)):
            for first, last, new in _changes(node):
                begin = starts[first.lineno - 1] + first.col_offset
                old = source[begin : starts[last.end_lineno - 1] + last.end_col_offset].decode()
                line = node.lineno if isinstance(node, ast.ExceptHandler) else first.lineno
                places.setdefault((file, line), []).append(Mutant("", file, begin, old, new))
    chance = random.Random(seed)
    for number, line in enumerate(sorted(chance.sample(sorted(places), count)), start=1):
        yield chance.choice(places[line])._replace(name=f"drawn-{number}")


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and field not in _APART and not isinstance(child, ast.JoinedStr):
                yield from _nodes(child)


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    """Yield each change at a node: the first and last node of what is replaced, and by what."""
    for test in [node.test] if isinstance(node, (ast.If, ast.While, ast.IfExp)) else getattr(node, "ifs", ()):
        if not isinstance(test, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
            yield test, test, f"(not {ast.unparse(test)})"
    match node:
        case ast.Compare(ops=[operator]):
            yield node, node, _with(node, "ops", [OTHER[type(operator)]()])
        case ast.BoolOp(op=operator):
            yield node, node, _with(node, "op", OTHER[type(operator)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, node, f"({ast.unparse(operand)})"
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OTHER:
            if not any(isinstance(getattr(side, "value", None), str) for side in (left, right)):
                yield node, node, _with(node, "op", OTHER[type(operator)]())
        case ast.Constant(value=bool(value)):
            yield node, node, str(not value)
        case ast.Constant(value=int(value) | float(value)):  # a large one is a limit: one more is hardly another
            yield node, node, str(value + 1 if value <= 10 else 0)
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Continue() | ast.Break():
            yield node, node, "pass"
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield node, node, "return None"
        case ast.ExceptHandler(body=[*_, last]) if not isinstance(last, ast.Raise):
            yield node.body[0], last, "raise"


def _with(node: ast.AST, field: str, value: object) -> str:
    """Return the text of an expression with another operator, in brackets so that it means the same anywhere."""
    made = copy.copy(node)
    setattr(made, field, value)
    return f"({ast.unparse(made)})"


class Copy:
    """A copy of the repository, and the tests run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "jor"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "build"))
        (folder / "tmp").mkdir()
        sources = os.pathsep.join(map(str, self.root.glob("packages/*/src")))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JOR_")}
        # CI: hypothesis draws the same examples each time.
        self.environment = {**kept, "PYTHONPATH": sources, "TMPDIR": str(folder / "tmp"), "CI": "1"}
        command = [sys.executable, "-c", "import jor, jor_cli, jor_containers, jor_slurm, sys; print(sys.modules)"]
        said = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout
        assert not re.search(rf"'jor\w*' from '(?!{re.escape(str(self.root))}/)", said), "it is not the copy that runs"

    def catches(self, mutant: Mutant) -> str:
        """Return a test that fails on a mutant; "" if there is none."""
        source = (self.root / mutant.file).read_bytes()
        try:
            self._put(mutant.file, mutant.apply(source))
            return self.fails(TESTS[mutant.file]) or self.fails()
        finally:
            self._put(mutant.file, source)

    def _put(self, file: str, content: bytes) -> None:
        (self.root / file).write_bytes(content)
        for compiled in (self.root / file).parent.glob(f"__pycache__/{Path(file).stem}.*"):
            compiled.unlink()  # of the same size and second, it would be taken for that of the new text

    def fails(self, tests: tuple[str, ...] = ("--numprocesses=2", *SUITE)) -> str:
        """Return a test that fails, and fails again alone, or else what went wrong; "" if all is well."""
        while failed := self._pytest(*tests):
            if not failed.startswith("tests/") or self._pytest(failed):
                return failed
            tests = (*tests, f"--deselect={failed}")  # it failed by chance
        return ""

    def _pytest(self, *arguments: str) -> str:
        """Return the first test that fails, or else what went wrong; "" if all is well."""
        options = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", f"--timeout={TEST_TIMEOUT}")
        command = [sys.executable, "-m", "pytest", *options, *arguments]
        with (self.folder / "pytest.txt").open("w+") as output:
            running = subprocess.Popen(
                command, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = running.wait(RUN_TIMEOUT)
            except subprocess.TimeoutExpired:
                return "the tests took too long"
            finally:
                self._end_all()
                running.wait()
            output.seek(0)
            failed = re.search(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", output.read(), flags=re.MULTILINE)
        return "" if code == 0 else failed[1] if failed else f"pytest ended with {code}"

    def _end_all(self) -> None:
        """Kill what tests have left running: what has the copy in its environment."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.fsencode(self.folder) in (process / "environ").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue  # it has ended, or is another user's


def main() -> None:
    """Try the mutants; print what catches each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=21)
    parser.add_argument("names", nargs="*", metavar="NAME")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaving nothing, as after Ctrl-C
    caught = tried = 0
    with tempfile.TemporaryDirectory() as folder:
        here = Copy(Path(folder).resolve())
        if not wanted.names and (failed := here.fails()):
            sys.exit(f"nothing was changed, and a test fails: {failed}")
        for mutant in (*named(), *drawn(wanted.seed, wanted.count)):
            if wanted.names and mutant.name not in wanted.names:
                continue
            began = time.monotonic()
            failed = here.catches(mutant)
            tried, caught = tried + 1, caught + bool(failed)
            line = (here.root / mutant.file).read_bytes()[: mutant.start].count(b"\n") + 1
            change = " ".join(f"{mutant.old} -> {mutant.new}".split())
            row = (mutant.name, f"{Path(mutant.file).name}:{line}", change, failed or "SURVIVED")
            print(*row, f"{time.monotonic() - began:.0f} s", sep=" | ", flush=True)
    print(f"{caught} of {tried} were caught")
    sys.exit(caught * 30 < 28 * tried)


if __name__ == "__main__":
    main()
