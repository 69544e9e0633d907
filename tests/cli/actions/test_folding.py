"""Old submissions are folded: all that is told of them is the same before and after, whatever their history was."""

from __future__ import annotations

import importlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from jor.planning.ended import ended
from jor.planning.planner import Survey, construct_here, make_submission, survey, time_of_mark
from jor.planning.status import Carrier, Phase, Shortage, TaskState
from jor.runs import folding
from jor.runs.attempts import executions_of
from jor.runs.journals import newest_records
from jor.runs.lease import Lease
from jor.runs.marks import Mark, Names, change_marks
from jor.runs.store import newest_first, read, write, write_batch
from jor.runs.submission import Batch, Submission
from jor.runtime.events import VERSION, Begin, Changed, Claim, End, Isolation, JobEvent, Notice, Over
from jor.runtime.journal import Journal
from jor.runtime.loading import ModuleLoader
from jor.runtime.old_outputs import OldOutputs
from jor.runtime.past import read_past
from jor.runtime.process_id import Owner
from jor.runtime.publishing import Neighbours
from jor.runtime.run_folder import WROTE_IN_PLACE, Run, append
from jor.settings.config import read_config
from jor.todo.reader import make_entry
from jor_cli.actions.collect_manifest import coverage
from jor_cli.actions.logs import _show
from jor_cli.actions.planning import planning
from jor_cli.analysis.failures import last_lines
from jor_cli.analysis.report import report
from jor_cli.rendering import advice, report_data, show, status
from jor_cli.schedulers import request_log
from jor_slurm import ArrayId

MODULE = """\
import json

import jor


class Jobs(jor.JobsBase):
    name = "out"
    atomic_output = {atomic}

    def _mk_jobs(self):
        with open("list.json") as file:
            self._jobs = [dict(i=i) for i in json.load(file)]

    def execute(self, i):
        pass
"""
#: Told processes that are dead: another had the id.
DEAD = str(Owner.current()._replace(started=1))
#: Lines that name files of a submission's folder, which is gone.
_PATHS = re.compile(r"^( *logs  |        |  script ).*(task-\d|script\.sh|past\.log).*\n", re.MULTILINE)
#: The script goes with the folder.
_SCRIPT = re.compile(r"\n *script\b.*")


class Project:
    """A project whose submissions are made up, and what is told of them."""

    def __init__(self, folder: Path, *, atomic: bool = True) -> None:
        self.folder = folder
        (folder / "m.py").write_text(MODULE.format(atomic=atomic))
        self.list: list[int] = []
        #: What the batch system says, by the token of the submission.
        self.states: dict[str, Sequence[TaskState]] = {}
        self.modules = ModuleLoader()

    def found(self) -> Survey:
        """Return the entry as it is."""
        Path("list.json").write_text(json.dumps(self.list))
        entry = make_entry(os.path.abspath("m.py"), "")
        config = read_config({"workers": 1}, ".")
        (found,) = survey([entry], config, self.ask, partial(construct_here, self.modules))
        return found

    def ask(self, batches: Sequence[tuple[Run, Submission]]) -> Sequence[Carrier]:
        """Return who carries out submissions."""
        return [Carrier("Slurm array 7", self.states[one.token].__getitem__, False) for _, one in batches]

    def fold(self, keep: int) -> None:
        """Fold all but the newest submissions, as far as they have ended."""
        found = self.found()
        with Lease(os.path.join(found.records, "lock")) as lease:
            runs = [*newest_first(found.records, folded=False)][keep:][::-1]
            found = attrs.evolve(found, history=attrs.evolve(found.history, submissions=[(r, read(r)) for r in runs]))
            asked = found.history.asked
            carriers = dict(zip([run for run, _ in asked], self.ask(asked), strict=True))
            folding.fold(found.records, list(ended(runs, found.history, carriers, time.time())), lease)

    def records(self) -> Path:
        """Return the folder of the entry's records."""
        return Path(self.found().records)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """Give what makes a project in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return partial(Project, tmp_path)


class Story:
    """Adds submissions to a project, each with a fate by chance."""

    def __init__(self, project: Project, seed: int) -> None:
        self.project = project
        self.chance = random.Random(seed)
        self.next = 0

    def add(self) -> None:
        """Edit the list, perhaps; mark outputs, perhaps; then plan some of the jobs, and have them end somehow."""
        self._edit()
        found = self.project.found()
        os.makedirs(os.path.join(found.records, "runs"), exist_ok=True)
        if self.chance.random() < 0.3 and found.status.total:
            self._mark(found)
            found = self.project.found()
        indices = sorted(self.chance.sample(range(found.status.total), self.chance.randint(1, found.status.total)))
        with Lease(os.path.join(found.records, "lock")) as lease:
            if self.chance.random() < 0.5:
                submitted = write(make_submission(found, indices), found.jobs, indices, found.records, lease)
                submitted.lease.release()
                run, tasks = submitted.run, [indices[:2], indices[2:]]
            else:
                run, tasks = self._batch(found, indices, lease)
        names = {index: found.history.places.name(index) for index in indices}
        for task, jobs in enumerate(tasks):
            for restart in range(self.chance.choice([1, 1, 2])):
                self._attempt(run, task, restart, jobs, names, atomic=found.jobs.atomic_output)

    def _edit(self) -> None:
        kind = self.chance.choice(["grow", "grow", "grow", "insert", "remove", "shuffle", "same"])
        jobs = self.project.list
        for _ in range(max(4 - len(jobs), self.chance.randint(1, 2)) if kind in ("grow", "insert") or not jobs else 0):
            jobs.insert(0 if kind == "insert" else len(jobs), self.next)
            self.next += 1
        if kind == "remove" and len(jobs) > 1:
            jobs.pop(self.chance.randrange(len(jobs)))
        elif kind == "shuffle":
            self.chance.shuffle(jobs)

    def _mark(self, found: Survey) -> None:
        indices = sorted(self.chance.sample(range(found.status.total), self.chance.randint(1, found.status.total)))
        mark = Mark(time_of_mark(found), "a test", Names.of(found.jobs, found.history.places, indices))
        kind = self.chance.choice(["with_outdated", "with_accepted", "with_incomplete"])
        change_marks(found.folder, lambda marks: getattr(marks, kind)(mark))

    def _batch(self, found: Survey, indices: list[int], lease: Lease) -> tuple[Run, list[list[int]]]:
        size = self.chance.randint(1, 3)
        batch = Batch("jor-m", size, 1, 10**9, 60, None, 0, (), ("sbatch",))
        submission = make_submission(found, indices, batch=batch)
        run = write_batch(submission, found.jobs, indices, found.records, lease, "#!/bin/sh\n")
        request_log.accepted(run, ArrayId(7, "jor-m", ""))
        ends = [
            TaskState(Phase.OVER),
            TaskState(Phase.OVER, "Slurm: OUT_OF_MEMORY", Shortage.MEMORY),
            TaskState(Phase.OVER, "the prologue failed: no such module"),
        ]
        self.project.states[submission.token] = [self.chance.choice(ends) for _ in range(submission.tasks)]
        return run, [indices[first : first + size] for first in range(0, len(indices), size)]

    def _attempt(
        self, run: Run, task: int, restart: int, jobs: Sequence[int], names: dict[int, str], *, atomic: bool
    ) -> None:
        log = Path(run.log(task))
        with open(log, "a") as file:
            file.write(self.chance.choice(["the log begins\n", "the prologue says hello\n"]))
        if self.chance.random() < 0.15:
            return  # it never began
        journal = Journal(run.journal(task, restart), Claim(VERSION, DEAD, job_id="7_1"))
        for event in self.chance.sample([Changed(3), Isolation("pool", 0.2), Notice("odd: very")], 2):
            journal.write(event)
        for index in jobs:
            self._job(run, journal, log, index, names[index], atomic=atomic)
        if self.chance.random() < 0.7:
            journal.write(Over(1, 1, error=self.chance.choice(["", "it cannot load"])))
        journal.close()

    def _job(self, run: Run, journal: Journal, log: Path, index: int, name: str, *, atomic: bool) -> None:
        first = log.stat().st_size
        with open(log, "a") as file:
            file.write(self.chance.choice(["", f"{name} says {first}\nand fails\n"]))
        place = (first, log.stat().st_size)
        output = Path("out", name)
        old_aside = not atomic and output.exists()
        if old_aside:
            OldOutputs(run, "out").set_aside(name)
        began = 1e9 + self.chance.random()
        resumed = self.chance.random() < 0.5
        journal.write(Begin(index, began, (first, first), direct=not atomic, resumed=resumed, old_aside=old_aside))
        fate = self.chance.choice(["well", "well", "gone", "suspect", "fails", "stopped", "killed", "beside"])
        if fate in ("well", "suspect", "beside") or not atomic:
            output.write_text(self.chance.choice(["", "text"]))
        beside = (f"{name}.txt",) if fate == "beside" else ()
        if fate in ("well", "gone", "suspect", "beside"):
            OldOutputs(run, "out").delete(name)
            suspect = fate == "suspect"
            journal.write(End(index, 1.5, 2**20, 0, log=place, out_of_memory=suspect, beside=beside, loading=0.5))
            if suspect:
                append(run.suspect, b"%d\n" % index)
        elif fate in ("fails", "stopped"):
            error, is_stopped = self.chance.choice(["ValueError: 3", "killed"]), fate == "stopped"
            number = 9 if error == "killed" else 0
            journal.write(End(index, 2.5, 2**21, 1, error, number, place, interrupted=is_stopped, old_aside=old_aside))
        if self.chance.random() < 0.1:
            append(run.in_place, b"job 0 %s\n" % WROTE_IN_PLACE)


def told(project: Project, capsys: Any) -> dict[str, Any]:
    """Return all that looking back tells, without the names of files whose content is told as well."""
    found = project.found()
    total = found.status.total
    state = json.loads(status.to_json([found], lambda _found: ()))
    for problem in state["entries"][0]["problems"]:
        del problem["log"], problem["log_range"]
    _show(found, range(total), follow=False)
    neighbours = Neighbours(Run(os.path.join(found.records, "runs", "any")), found.folder)
    covered = coverage(found, found.history.absent, None)
    del covered["collected"]
    entries = [advice.as_text([found]), *map(partial(show.of_job, found), range(total)), show.of_entry(found, None)]
    return {
        "status": state,
        "printed": [last_lines(one) for one in found.status.problems],
        "logs": capsys.readouterr().out.splitlines(),
        "records": {index: _plain(event) for index, event in found.history.last_records(range(total)).items()},
        "executions": [one._replace(run=Run(one.run.folder), log="") for one in found.history.executions()],
        "halves": {index: attrs.evolve(half, run=Run(half.run.folder)) for index, half in found.history.halves.items()},
        "report": report_data.figures(report([found], 2e9), datetime.now(timezone.utc)),
        "collect": covered,
        "suspect": found.history.suspect,
        "jobs": [neighbours.job_of(f"i{i}.txt") for i in project.list],
        "beside": [neighbours.put_beside(f"i{i}.txt", f"i{i}.txt.txt", []) for i in project.list],
        "show": [_SCRIPT.sub("", _PATHS.sub("", text)) for text in entries],
        "requests": [request_log.read(run) for run in newest_first(found.records)],
        "submissions": [read(run) for run in newest_first(found.records)],
    }


def _plain(event: JobEvent) -> JobEvent:
    return event._replace(log=None, log_file="")


@pytest.mark.parametrize("seed", range(8))
def test_all_is_told_as_before(project: Callable[..., Project], capsys: Any, seed: int) -> None:
    """Failed, interrupted, retried, done; changed lists, marks, in place; local and array tasks: whatever there was."""
    made = project(atomic=seed % 3 > 0)
    story = Story(made, seed)
    for _ in range(7):
        story.add()
    before = told(made, capsys)
    for keep in (4, 1):
        made.fold(keep)
        assert len([*made.records().glob("runs/*")]) == keep
        after = told(made, capsys)
        for what, was in before.items():
            assert after[what] == was, what


class Killed(BaseException):
    """The process ends here."""


#: Where folding is killed: what is called there, and whether it has been done by then.
POINTS = [
    ("jor.runs.folding._stored", False),
    ("jor.runs.folding._pieces", False),
    ("jor.runs.folding._append_lines", False),
    ("jor.runs.folding._append_lines", True),
    ("os.rename", False),
    ("os.rename", True),
    ("shutil.rmtree", False),
]


@pytest.mark.parametrize(("point", "is_done"), POINTS)
@pytest.mark.parametrize("call", [1, 3])
def test_folding_that_is_killed_loses_and_doubles_nothing(
    project: Callable[..., Project], capsys: Any, monkeypatch: pytest.MonkeyPatch, point: str, is_done: bool, call: int
) -> None:
    """A line that is torn is passed over; a submission that has a line and a folder counts once."""
    made = project()
    story = Story(made, 5)
    for _ in range(5):
        story.add()
    before = told(made, capsys)
    if call > 1 and point.endswith(("_append_lines", "rmtree")):
        made.fold(3)  # it is called once each time
        call = 1
    calls = 0
    module, _, name = point.rpartition(".")
    real = getattr(importlib.import_module(module), name)

    def killed(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < call:
            return real(*arguments, **more)
        if is_done:
            real(*arguments, **more)
        elif name == "_append_lines":
            real(arguments[0], [arguments[1][0][:-9]])  # torn
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(point, killed)
        with pytest.raises(Killed):
            made.fold(1)
    (made.records() / "lock").unlink(missing_ok=True)
    assert told(made, capsys) == before
    made.fold(1)
    assert told(made, capsys) == before
    left = {one.name for one in made.records().iterdir()}
    assert left - {"in-place"} == {"past.files", "past.jsonl", "past.log", "runs"}
    assert len(read_past(str(made.records()))) == 4


def test_command_that_began_to_read_before_the_folding_reads_on(project: Callable[..., Project]) -> None:
    """It has listed the folder: what it reads of that now is the same."""
    made = project()
    story = Story(made, 3)
    for _ in range(3):
        story.add()
    records = str(made.records())
    runs = [*newest_first(records)]
    before = [(read(run), run.suspects(), [*executions_of(run)], newest_records(run)) for run in runs]
    made.fold(1)
    told_now = [(read(run), run.suspects(), [*executions_of(run)], newest_records(run)) for run in runs]
    assert [one[:2] for one in told_now] == [one[:2] for one in before]
    assert [[e._replace(log="") for e in one[2]] for one in told_now] == [
        [e._replace(log="") for e in one[2]] for one in before
    ]


def test_submission_that_goes_on_or_may_live_is_not_folded(project: Callable[..., Project]) -> None:
    """Neither is one of which the batch system has just lost a task: it may tell later how that ended."""
    made = project()
    story = Story(made, 0)
    made.list = [0, 1, 2]
    found = made.found()
    os.makedirs(os.path.join(found.records, "runs"))
    with Lease(os.path.join(found.records, "lock")) as lease:
        running = write(make_submission(found, [0]), found.jobs, [0], found.records, lease)
        owner = str(Owner.current())
        outlived = write(make_submission(found, [1]), found.jobs, [1], found.records, lease)
        outlived.lease.release()
        Journal(outlived.run.journal(0), Claim(VERSION, owner)).close()
        lost, _ = story._batch(found, [2], lease)
        made.states[read(lost).token] = [TaskState(Phase.OVER, "lost", may_live=True)]
        write(make_submission(found, [0]), found.jobs, [0], found.records, lease).lease.release()
    made.fold(1)
    assert {run.folder for run in newest_first(found.records, folded=False)} >= {
        running.run.folder,
        outlived.run.folder,
        lost.folder,
    }
    assert not os.path.exists(os.path.join(found.records, "past.jsonl"))


@pytest.mark.parametrize("keeps", [False, True])
def test_many_runs_leave_few_files(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    """The next planner folds them, unless all are to be kept."""
    monkeypatch.setenv("JOR_KEEP_RUNS", str(keeps))
    made = project()
    for count in range(1, 41):
        made.list.append(count)
        found = made.found()
        with planning([found], made.ask, lambda _text: None) as held:
            (now,) = held.entries
            submitted = write(make_submission(now, [count - 1]), now.jobs, [count - 1], now.records, held.lock)
        journal = Journal(submitted.run.journal(0), Claim(VERSION, DEAD))
        journal.write(End(count - 1, 0.1, 1, 1, error=f"ValueError: {count}", log=(0, 9)))
        journal.close()
        Path(submitted.run.log(0)).write_text(f"job {count:4}\n")
        submitted.lease.release()
    found = made.found()
    files = len([*Path(found.records).rglob("*")])
    assert (files > 200) if keeps else (files < 100), files
    assert [problem.reason for problem in found.status.problems] == [f"ValueError: {count}" for count in range(1, 41)]
    assert [last_lines(problem) for problem in found.status.problems] == [[f"job {count:4}"] for count in range(1, 41)]


@pytest.mark.parametrize("failed", [True, False])
def test_of_long_logs_what_jobs_printed_last_is_kept(
    project: Callable[..., Project], capsys: Any, failed: bool
) -> None:
    made = project()
    made.list = [0]
    found = made.found()
    os.makedirs(os.path.join(found.records, "runs"))
    text = "".join(f"line {number}\n" for number in range(200_000))
    with Lease(os.path.join(found.records, "lock")) as lease:
        for _ in range(2):
            submitted = write(make_submission(found, [0]), found.jobs, [0], found.records, lease)
            submitted.lease.release()
            if _ == 0:
                Path(submitted.run.log(0)).write_text(f"another\n{text}another\n")
                journal = Journal(submitted.run.journal(0), Claim(VERSION, DEAD))
                error = "ValueError" if failed else ""
                journal.write(End(0, 0.1, 1, 1, error=error, log=(8, 8 + len(text))))
                journal.close()
    made.fold(1)
    _show(made.found(), [0], follow=False)
    out = capsys.readouterr().out
    assert out.endswith("line 199999\n")
    assert (len(out) > 1_000_000) if failed else (2**16 < len(out) < 2**17)


def test_submission_that_cannot_be_read_stays_and_the_others_are_folded(project: Callable[..., Project]) -> None:
    """What had been added for it is taken back, each time."""
    made = project()
    story = Story(made, 1)
    for _ in range(6):
        story.add()
    bad = sorted(Path(made.found().records, "runs").iterdir())[1]
    (bad / "odd").symlink_to("nowhere")
    made.fold(1)
    assert min(path.name for path in (made.records() / "runs").iterdir()) == bad.name
    assert len([*(made.records() / "runs").iterdir()]) == 2
    size = (made.records() / "past.files").stat().st_size
    made.fold(1)
    assert (made.records() / "past.files").stat().st_size == size


def test_submission_with_large_journals_stays_as_it_is(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "MOST_OF_JOURNALS", 1)
    monkeypatch.setattr(folding, "MOST_FILES", 1)
    made = project()
    story = Story(made, 1)
    for _ in range(5):
        story.add()
    assert folding.beyond(made.found().records) == []
