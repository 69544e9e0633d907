"""`jor run`: every job whose output is missing, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Jor, outputs, slow_output, stamps, tree, wait_until

Write = Callable[..., None]

FAILING = """\
import os, sys, time
import jor

class Jobs(jor.JobsBase):
    name = "failing"

    def _mk_jobs(self):
        self._jobs = [{"index": i, "kind": kind} for i, kind in enumerate(
            ["well", "raises", "exits", "aborts", "writes nothing", "well"])]

    def _get_output_fname(self, index, kind):
        return f"{index}.txt"

    def execute(self, i):
        print("this is what job", i, "prints")
        kind = self._jobs[i]["kind"]
        if kind == "raises":
            raise ValueError("no convergence")
        if kind == "exits":
            sys.exit(3)
        if kind == "aborts":
            os.abort()
        if kind == "well":
            with open(self._get_output_path(**self._jobs[i]), "w") as file:
                file.write("well")
"""

MANY = """\
import jor

class Jobs(jor.JobsBase):
    name = "many"
    isolation = "none"

    def __init__(self, n=6000, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = jor.grid(index=range(n))

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(str(i))
"""


def test_run_makes_the_outputs_of_the_example(jor: Jor, example: Path) -> None:
    assert jor("run").code == 0
    expected: dict[str, bytes | None] = {"example3": None, "example4": None}
    for n in (3, 4):
        expected |= {f"example{n}/ind{i}.txt": b"{'index': %d}\n" % i for i in range(n)}
    assert outputs(example / "output") == expected


def test_run_says_what_it_does_and_that_it_is_done(jor: Jor, example: Path) -> None:
    done = jor("run", "--workers", 2)
    assert done.out.splitlines() == [
        "[jor] jobs_example(n=3): 3 jobs to run, 2 at once",
        "[jor] jobs_example(n=4): 4 jobs to run, 2 at once",
        "[jor] 7 of 7 jobs done",
    ]
    assert done.err == ""


def test_run_touches_nothing_when_all_is_done(jor: Jor, example: Path) -> None:
    jor("run")
    before = stamps(example / "output")
    done = jor("run")
    assert done.code == 0
    assert "all 3 jobs done" in done.out
    assert stamps(example / "output") == before


def test_run_of_one_job_says_that_all_is_done(jor: Jor, example: Path) -> None:
    jor("run")
    before = stamps(example / "output")
    done = jor("run", "--test")
    assert done.code == 0
    assert done.out.splitlines() == [
        "[jor] jobs_example(n=3): all 3 jobs done",
        "[jor] jobs_example(n=4): all 4 jobs done",
    ]
    assert stamps(example / "output") == before


def test_run_runs_only_what_is_missing(jor: Jor, example: Path) -> None:
    jor("run")
    folder = example / "output" / "example4"
    (folder / "ind2.txt").unlink()
    before = stamps(folder)
    done = jor("run")
    assert "jobs_example(n=4): 1 job to run" in done.out
    after = stamps(folder)
    assert (folder / "ind2.txt").read_text() == "{'index': 2}\n"
    assert {path: after[path] for path in before if path.endswith(".txt")} == {
        path: stamp for path, stamp in before.items() if path.endswith(".txt")
    }


def test_run_leaves_no_partial_folder_and_no_process(jor: Jor, example: Path) -> None:
    jor("run")
    assert [path for path in example.rglob("*") if path.name in ("partial", "alive", "lock")] == []
    assert jor.processes() == set()


def test_failure_is_told_with_entry_index_parameters_error_and_log(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    done = jor("run", "--workers", 1)
    assert done.code == 1
    line = next(line for line in done.err.splitlines() if "convergence" in line)
    assert line.split()[:2] == ["failing", "1"]
    assert "kind='raises'" in line
    assert "ValueError: no convergence" in line
    log = done.err.rpartition("What they printed: ")[2].strip()
    assert "this is what job 1 prints" in (tmp_path / log).read_text()


@pytest.mark.parametrize(
    "error", ["ValueError: no convergence", "sys.exit(3)", "SIGABRT", "has not written its output"]
)
def test_failure_is_told_by_its_kind(jor: Jor, write: Write, error: str) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    assert error in jor("run", COLUMNS=200).err


def test_failing_jobs_leave_the_others_alone(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    done = jor("run")
    assert done.out.splitlines()[-1] == "[jor] 2 of 6 jobs done, 4 failed"
    assert outputs(tmp_path / "failing") == {"0.txt": b"well", "5.txt": b"well"}


def test_failed_jobs_run_again(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    write(failing=FAILING.replace("raise ValueError", "kind = 'well' #"))
    done = jor("run")
    assert "4 jobs to run" in done.out
    assert (tmp_path / "failing" / "1.txt").read_text() == "well"


def test_overwrite_replaces_all_outputs(jor: Jor, example: Path) -> None:
    jor("run")
    before = stamps(example / "output")
    for path in (example / "output").rglob("ind*.txt"):
        path.write_text("old")
    assert jor("run", "--overwrite-output").code == 0
    after = stamps(example / "output")
    texts = [path for path in before if path.endswith(".txt")]
    assert len(texts) == 7
    assert all(before[path] != after[path] for path in texts)
    assert (example / "output/example3/ind1.txt").read_text() == "{'index': 1}\n"


def test_overwrite_keeps_the_old_output_until_the_new_one_is_whole(jor: Jor, slow: Path) -> None:
    slow.mkdir()
    (slow / "index0.txt").write_text("old")
    running = jor.start("run", "--overwrite-output", "--workers", 1, SECONDS_OF_JOBS=600)
    wait_until(lambda: (slow.parent / "executed.log").exists())
    wait_until(lambda: any(path.stat().st_size for path in slow.glob(".jor/*/partial/*/index0.txt")))
    assert (slow / "index0.txt").read_text() == "old"
    running.terminate()
    jor.end_of(running)
    assert (slow / "index0.txt").read_text() == "old"


def test_overwrite_keeps_the_old_output_when_the_job_fails(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    (tmp_path / "failing").mkdir()
    for index in range(6):
        (tmp_path / "failing" / f"{index}.txt").write_text("old")
    assert jor("run", "--overwrite-output").code == 1
    kept = {path.name for path in (tmp_path / "failing").iterdir() if path.is_file() and path.read_text() == "old"}
    assert kept == {"1.txt", "2.txt", "3.txt", "4.txt"}


def test_test_runs_the_first_pending_job_of_the_first_entry_that_has_one(jor: Jor, example: Path) -> None:
    jor("run", "jobs_example(n=3)")
    (example / "output/example3/ind1.txt").unlink()
    for expected in ("example3/ind1.txt", "example4/ind0.txt", "example4/ind1.txt"):
        before = outputs(example / "output")
        assert jor("run", "--test").code == 0
        new = [name for name, content in outputs(example / "output").items() if content and name not in before]
        assert new == [expected]


def test_dry_run_writes_nothing_at_all(jor: Jor, example: Path) -> None:
    before = tree(example)
    assert jor("run", "--dry-run").code == 0
    assert tree(example) == before


def test_dry_run_tells_jobs_outputs_resources_and_command(jor: Jor, example: Path) -> None:
    jor("run", "--test")
    told = jor("run", "-n", "--workers", 2, "--mem", "1G").said
    assert "jobs_example(n=3): 2 of 3 jobs would run jobs 1-2" in told
    assert f"outputs {example}/output/example4" in told
    assert "2 at once" in told
    assert "1G" in told
    assert "-m jor exec" in told


def test_run_takes_the_entries_named(jor: Jor, example: Path) -> None:
    assert jor("run", "jobs_example(n=4)").code == 0
    assert not (example / "output" / "example3").exists()
    assert (example / "output" / "example4" / "ind3.txt").exists()


@pytest.mark.parametrize("name", ["jobs_example", "jobs_example.py", "./jobs_example.py"])
def test_entries_may_be_called_by_their_job_module(jor: Jor, example: Path, name: str) -> None:
    assert jor("run", name).out.splitlines()[-1] == "[jor] 7 of 7 jobs done"


def test_entries_may_be_called_by_the_name_that_they_have(jor: Jor, example: Path, write: Write) -> None:
    write(todo="jobs:\n- jobmodule: jobs_example\n  name: few\n- jobmodule: jobs_example\n  jobargs: n=5\n")
    assert jor("run", "few").out.splitlines()[-1] == "[jor] 3 of 3 jobs done"


def test_jobs_run_in_order_with_one_worker(jor: Jor, slow: Path) -> None:
    assert jor("run", "--workers", 1, SECONDS_OF_JOBS=0).code == 0
    assert (slow.parent / "executed.log").read_text().split() == [str(i) for i in range(40)]


def test_more_jobs_run_than_a_pipe_holds(jor: Jor, write: Write, tmp_path: Path) -> None:
    # The feed is a pipe: 65,536 bytes, 8,192 jobs.
    write(many=MANY, todo="jobs:\n- jobmodule: many\n  jobargs: n=9000\n")
    done = jor("run", "--quiet")
    assert (done.code, done.err) == (0, "")
    found = outputs(tmp_path / "many")
    assert found == {f"index{i}.txt": str(i).encode() for i in range(9000)}


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_jobs_run_with_each_isolation(jor: Jor, slow: Path, isolation: str) -> None:
    done = jor("run", "--isolation", isolation, SECONDS_OF_JOBS=0)
    assert done.code == 0
    assert outputs(slow) == {f"index{i}.txt": slow_output(i) for i in range(40)}


def test_options_stand_before_or_after_the_command(jor: Jor, example: Path) -> None:
    assert jor("--path-prefix", "before", "run").code == 0
    assert jor("run", "--path-prefix", "after").code == 0
    assert outputs(example / "before") == outputs(example / "after") != {}


def test_option_after_the_command_wins(jor: Jor, example: Path) -> None:
    assert jor("--path-prefix", "before", "run", "--path-prefix", "after").code == 0
    assert not (example / "before").exists()


def test_environment_wins_over_the_file_and_loses_to_the_command_line(jor: Jor, example: Path) -> None:
    assert jor("run", JOR_PATH_PREFIX="from-environment").code == 0
    assert (example / "from-environment" / "example3").exists()
    assert not (example / "output").exists()
    assert jor("run", "--path-prefix", "given", JOR_PATH_PREFIX="again").code == 0
    assert (example / "given" / "example3").exists()
    assert not (example / "again").exists()


def test_item_of_the_todo_list_sets_options_for_itself(jor: Jor, example: Path, write: Write) -> None:
    write(
        todo="jobs:\n- jobmodule: jobs_example\n  path-prefix: elsewhere\n  mem: 1G\n  cpus-per-task: 2\n"
        "- jobmodule: jobs_example\n  jobargs: n=4\n"
    )
    first, second = jor("run", "--dry-run").out.split("jobs_example(n=4)")
    assert f"{example}/elsewhere/example3" in first
    assert "2 CPUs" in first
    assert "1G each" in first
    assert f"{example}/output/example4" in second
    assert "5G each" in second


def test_sweep_makes_an_entry_of_each_combination(jor: Jor, example: Path, write: Write) -> None:
    write(todo="jobs:\n- jobmodule: jobs_example\n  name: sizes\n  sweep:\n    n: [1, 2, 5]\n")
    assert jor("run").code == 0
    found = outputs(example / "output")
    assert {name: sum(other.startswith(f"{name}/") for other in found) for name in found if "/" not in name} == {
        "example1": 1,
        "example2": 2,
        "example5": 5,
    }


def test_job_modules_of_one_name_in_two_folders_are_two(jor: Jor, example: Path, write: Write) -> None:
    for folder in ("a", "b"):
        (example / folder).mkdir()
        text = (example / "jobs_example.py").read_text().replace("example{self.n}", folder)
        (example / folder / "jobs_example.py").write_text(text.replace("str(myargs)", f"helper.WORD + {folder!r}"))
        (example / folder / "helper.py").write_text(f"WORD = 'helper of {folder}, '\n")
        module = example / folder / "jobs_example.py"
        module.write_text("import helper\n" + module.read_text())
    write(todo="jobs:\n- jobmodule: a/jobs_example\n- jobmodule: b/jobs_example\n")
    assert jor("run").code == 0
    assert (example / "output/a/ind0.txt").read_text() == "helper of a, a\n"
    assert (example / "output/b/ind0.txt").read_text() == "helper of b, b\n"


def test_quiet_says_nothing_when_all_goes_well(jor: Jor, example: Path) -> None:
    assert jor("run", "--quiet") == (0, "", "")


def test_quiet_tells_failures(jor: Jor, write: Write) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    done = jor("run", "--quiet")
    assert done.code == 1
    assert done.out == ""
    assert "no convergence" in done.err


def test_run_does_what_cron_asks_without_home_path_or_locale(jor: Jor, example: Path) -> None:
    assert jor("run", HOME="", PATH="/usr/bin:/bin", LANG="C", LC_ALL="C", TMPDIR="/nonexistent").code == 0


def test_edited_job_module_is_what_runs_next(jor: Jor, example: Path) -> None:
    module = example / "jobs_example.py"
    text = module.read_text()
    for word in ("old", "new"):
        module.write_text(text.replace("str(myargs)", f"'{word}'"))
        os.utime(module, (1e9, 1e9))  # an edit within the second, as long as before: Python's cache cannot tell
        assert jor("run", "--overwrite-output").code == 0
    assert (example / "output/example3/ind0.txt").read_text() == "new\n"


def test_project_may_be_moved_when_nothing_is_running(jor: Jor, example: Path, tmp_path_factory) -> None:
    jor("run")
    moved = tmp_path_factory.mktemp("other") / "place"
    shutil.move(example, moved)
    example.mkdir()
    jor.folder = moved
    assert "all 3 jobs done" in jor("run").out


GRID_JOBS = """
import jor

class Jobs(jor.JobsBase):
    def _mk_jobs(self):
        self._jobs = jor.grid(beta=[0.1, 0.001], name=["a", "1"])
    def execute(self, i):
        open(self._get_output_path(**self._jobs[i]), "w").write("x")
"""


@pytest.mark.parametrize(
    ("flags", "jobs"),
    [
        (["--index", 0, "--index", 3], ["beta0.001_name1", "beta0.1_namea"]),
        (["--where", "beta=1e-3"], ["beta0.001_name1", "beta0.001_namea"]),
        (["--where", "beta=0.1", "--where", "name=1"], ["beta0.1_name1"]),
        (["--index", 0, "--index", 1, "--where", "name=a"], ["beta0.1_namea"]),
    ],
)
def test_chosen_jobs_alone_run_and_are_made_again(jor: Jor, write: Write, flags: list[object], jobs: list[str]) -> None:
    write(m=GRID_JOBS, todo="jobs:\n- jobmodule: m\n")
    assert jor("run", *flags).code == 0
    folder = jor.folder / "job"
    assert sorted(path.stem if path.suffix == ".txt" else path.name for path in folder.glob("beta*")) == jobs
    again = jor("run", "--overwrite-output", *flags)
    assert f"{len(jobs)} output" in again.out
    assert f"{len(jobs)} of {len(jobs)} job" in again.out


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (["--where", "gamma=1"], "no job has a parameter 'gamma'"),
        (["--where", "beta=7"], "no job has beta=7"),
        (["--where", "beta"], "'beta' is not NAME=VALUE"),
        (["--index", 4], "there is no job 4"),
    ],
)
def test_choice_that_means_no_job_is_refused(jor: Jor, write: Write, flag: list[object], said: str) -> None:
    write(m=GRID_JOBS, todo="jobs:\n- jobmodule: m\n")
    done = jor("run", *flag)
    assert done.code == 2
    assert said in done.err
    assert not (jor.folder / "job").exists()
