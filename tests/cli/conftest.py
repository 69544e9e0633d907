"""Fixtures: the command in a folder with the example, golden files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from jor.planning.planner import Survey, make_submission, survey
from jor.runs.lease import Lease
from jor.runs.store import write_batch
from jor.runs.submission import Batch
from jor.runtime.events import VERSION, Begin, Claim, End
from jor.runtime.journal import Journal
from jor.runtime.outputs import output_name
from jor.settings.config import read_config
from jor.todo.reader import read_todo
from jor_cli.schedulers import request_log
from jor_slurm import ArrayId

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Give a copy of the basic example."""
    shutil.copytree(ROOT / "examples" / "basic", tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """Give an environment without options of jor, for a terminal of 80 columns."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("JOR_")}
    return {**inherited, "COLUMNS": "80", "TZ": "UTC"}


@pytest.fixture
def jor(tmp_path: Path, environment: dict[str, str]) -> Callable[..., str]:
    """Give a function that runs the command and returns all that it says, standard error after standard output."""

    def run(*args: str) -> str:
        command = [sys.executable, "-m", "jor_cli", *args]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    return run


class PlayedSlurm:
    """Slurm's commands, played by small programs that work in a folder of theirs and note how they are called."""

    def __init__(self, folder: Path) -> None:
        self._folder = self.folder = folder
        for name in ("sbatch", "squeue", "scontrol", "sacct", "sacctmgr"):
            self.play(name, "")

    def play(self, name: str, text: str) -> None:
        """Let a command do what `text` says, a shell script."""
        program = self._folder / name
        program.write_text(f'#!/bin/sh\ncd {self._folder}; echo "$*" >> {name}.calls\n{text}\n')
        program.chmod(0o755)

    def take(self, state: str, room: int = 1000) -> None:
        """Let sbatch take `room` array tasks in all, the account's limit, and squeue show them in `state`."""
        self.play("sbatch", f"state={state}; room={room}\n{TAKING}")
        self.play("squeue", "[ ! -e queue ] || cat queue")

    def refuse(self, what: str) -> None:
        """Let sbatch refuse all, and say `what`."""
        self.play("sbatch", f"cat > /dev/null; echo 'sbatch: error: {what}' >&2; exit 1")

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call of a command."""
        path = self._folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def sizes(self) -> list[int]:
        """How many tasks the arrays had that sbatch was asked for, in order."""
        return [int(re.findall(r"--array=(?:0-)?([0-9]+)", call)[0]) + 1 for call in self.calls("sbatch")]


TAKING = """\
cat > /dev/null
for word; do
    case $word in --array=*) array=${word#*=};; --job-name=*) name=${word#*=};; esac
done
tasks=$((${array#0-} + 1)) taken=$(cat taken 2> /dev/null || echo 0)
if [ $((taken + tasks)) -gt $room ]; then
    echo 'sbatch: error: AssocGrpSubmitJobsLimit' >&2
    echo 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)' >&2
    exit 1
fi
echo $((taken + tasks)) > taken
id=$((100 + $(wc -l < sbatch.calls)))
echo "$id|$array|$id|$state||N/A|N/A|None|$name" >> queue
echo $id
"""


@pytest.fixture
def slurm(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> PlayedSlurm:
    """Give Slurm's commands, which say nothing yet, to the command and to the test itself."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, value in (("PATH", f"{folder}:{os.environ['PATH']}"), ("XDG_CACHE_HOME", str(tmp_path / "cache"))):
        monkeypatch.setenv(name, value)
        environment[name] = value
    return PlayedSlurm(folder)


@pytest.fixture
def measured(example: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the example that has run twice on a cluster, with given times and sizes, until all was done."""
    monkeypatch.chdir(example)
    config = read_config({"scheduler": "slurm", "jobs-per-task": 1})
    for number, found in enumerate(survey(read_todo("todo.yaml"), config)):
        for attempt in (1, 2):
            record_submission(found, number, attempt)
    return example


def record_submission(found: Survey, number: int, attempt: int) -> None:
    """Write what a submission of an entry leaves behind; in the first attempt, job 1 fails."""
    batch = Batch(
        name="jor-one",
        jobs_per_task=1,
        workers_per_task=1,
        mem=5 * 2**30,
        time=86_399,
        time_limit=86_399,
        warning=0,
        requeue=(),
        command=("sbatch",),
    )
    jobs = range(found.status.total) if attempt == 1 else [1]
    os.makedirs(found.records, exist_ok=True)
    submission = make_submission(found, jobs, batch=batch, token=f"{attempt:010}")
    submission = attrs.evolve(submission, created=f"2026-03-0{attempt}T12:00:00.000Z")
    with Lease(os.path.join(found.records, "lock")) as planning:
        run = write_batch(submission, found.jobs, jobs, found.records, planning, "#!/bin/bash\n")
    request_log.accepted(run, ArrayId(510 + 2 * number + attempt, "jor-one"))
    for task, index in enumerate(jobs):
        owner = f"node{task}~0123abcd.42~17~99"
        claim = Claim(VERSION, owner, job_id=f"{510 + 2 * number + attempt}_{task}")
        journal = Journal(run.journal(task), claim)
        journal.write(Begin(index, 1_772_366_400.0 + 86_400 * (attempt - 1) + task, log=(0, 0)))
        error = "ValueError: no convergence" if (attempt, index) == (1, 1) else ""
        seconds, max_rss = 0.2 + 0.01 * index, (300 + 6 * index) * 2**20
        journal.write(End(index, seconds, max_rss, status=0, loading=1.5, log=(0, 12), error=error))
        journal.close()
        if not error:
            output = Path(found.folder, output_name(found.jobs, index))
            output.write_text("well")
            os.utime(output, (1_772_366_401.0, 1_772_366_401.0))


@pytest.fixture
def agrees_with_golden(tmp_path: Path) -> Callable[[str, str], None]:
    """Give a function that holds a text against the golden file of that name.

    With JOR_UPDATE_GOLDEN=1 the file is made anew instead: read the difference before it is committed.
    """

    def agrees(text: str, name: str) -> None:
        normal = text.replace(str(tmp_path), "/project").replace(sys.executable, "/python")
        normal = re.sub(r"\d{8}-\d{9}-[0-9a-f]{10}", "<run>", normal)
        normal = re.sub(r"(\.jor/[\w.-]+)-[0-9a-f]{8}\b", r"\1-<hash>", normal)
        golden = GOLDEN / name
        if os.environ.get("JOR_UPDATE_GOLDEN") == "1":
            golden.write_text(normal)
        assert golden.exists(), f"{golden} is missing: make it with JOR_UPDATE_GOLDEN=1, and read it"
        assert normal == golden.read_text()

    return agrees
