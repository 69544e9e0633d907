"""`jor show`: all that is known of an entry, or of one job."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from .commands import Jor, stamps, wait_until

Write = Callable[..., None]

MOODY = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    name = "moody"
    mem = "2G"

    def _mk_jobs(self):
        self._jobs = [{"n": n, "method": "principal components"} for n in range(3)]

    def execute(self, i):
        print("I am", i, flush=True)
        if i == 1 and not os.path.exists("better"):
            raise ValueError("no convergence after 1000 iterations")
        if i == 2 and os.path.exists("wait"):
            open("begun", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""
TODO = "jobs:\n- jobmodule: moody\n"


def fields(text: str) -> dict[str, str]:
    """Return what is told by the names of the fields, of one story."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("  "):
            name = line[2:15].strip() or name
            found[name] = f"{found.get(name, '')} {line[15:].strip()}".strip()
    return found


def test_entry_is_told_before_it_has_run(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(moody=MOODY, todo=TODO)
    before = stamps(tmp_path)
    done = jor("show", "moody")
    assert (done.code, done.err) == (0, "")
    told = fields(done.out)
    assert told["job module"] == "moody.py"
    assert (told["arguments"], told["outputs"], told["jobs"]) == ("none", "moody", "3: 3 missing")
    assert "attempts" not in told
    assert stamps(tmp_path) == before


def test_entry_is_told_with_what_it_has_used(jor: Jor, write: Write) -> None:
    write(moody=MOODY, todo=TODO, cfg="[local]\nworkers = 1\n")
    jor("run")
    told = fields(jor("show", "moody").out)
    assert told["jobs"] == "3: 2 done, 1 failed"
    assert told["attempts"] == "3: 2 done, 1 failed"
    assert told["durations"].startswith("median ")
    assert told["memory"].startswith("median ")
    assert told["submitted"].endswith(", 3 jobs")
    assert told["runs in"] == "no container, no conda environment"
    assert told["records"].startswith("moody/.jor/moody-")


def test_options_are_told_with_who_set_them(jor: Jor, write: Write) -> None:
    write(moody=MOODY, todo=f"{TODO}  cpus-per-task: 2\n", cfg="[local]\nworkers = 1\n")
    lines = [line.split() for line in jor("show", "moody").out.splitlines()]
    assert ["mem", "=", "2G", "(Jobs.mem)"] in lines
    assert ["cpus-per-task", "=", "2", "(todo.yaml:3:18)"] in lines
    assert ["workers", "=", "1", "(./jor.cfg:2)"] in lines
    assert not [line for line in lines if "nodelist" in line or "grace-period" in line]


def test_job_is_told_with_each_attempt_the_newest_first(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(moody=MOODY, todo=TODO)
    jor("run")
    (tmp_path / "better").touch()
    jor("run")
    done = jor("show", "moody", 1)
    assert done.out.splitlines()[0] == "moody job 1: done"
    told = fields(done.out)
    assert told["parameters"] == "n=1 method='principal components'"
    assert int(told["seed"]) > 0
    assert told["output"].startswith("moody/n1_methodprincipal components.txt: 4 bytes, ")
    assert len(told["logs"].split()) == 2
    table = done.out.split("\n\n")[1].splitlines()
    assert table[0].split() == ["started", "host", "took", "memory", "how", "it", "ended"]
    assert table[1].split()[-1] == "done"
    assert "failed: ValueError: no convergence" in " ".join(" ".join(table[2:]).split())


def test_command_that_is_told_reads_the_log(jor: Jor, example: Path) -> None:
    jor("run")
    told = fields(jor("show", "jobs_example(n=4)", 2).out)
    assert told["read it by"] == "jor logs 'jobs_example(n=4)' 2"
    assert jor("logs", "jobs_example(n=4)", 2).out.startswith("==> jobs_example(n=4) job 2 (index=2): done")


def test_job_that_failed_is_told_with_the_reason(jor: Jor, write: Write) -> None:
    write(moody=MOODY, todo=TODO)
    jor("run")
    done = jor("show", "moody", 1)
    assert done.out.splitlines()[0] == "moody job 1: failed"
    told = fields(done.out)
    assert told["why"] == "ValueError: no convergence after 1000 iterations"
    assert told["output"] == "moody/n1_methodprincipal components.txt: not there"


def test_job_that_has_not_begun_is_told(jor: Jor, write: Write) -> None:
    write(moody=MOODY, todo=TODO)
    done = jor("show", "moody", 0)
    assert done.out.splitlines()[0] == "moody job 0: missing"
    assert "started" not in done.out


def test_job_that_runs_is_told(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(moody=MOODY, todo=TODO)
    (tmp_path / "wait").touch()
    running = jor.start("run", "--workers", 1)
    wait_until((tmp_path / "begun").exists)
    done = jor("show", "moody", 2)
    assert done.out.splitlines()[0] == "moody job 2: running"
    assert done.out.splitlines()[-1].split()[-1] == "running"
    told = fields(jor("show", "moody").out)
    assert re.fullmatch(
        r"job 2 \(n=2 method='principal components'\) on \S+ since [\d-]+ [\d:]+",
        told["running"],
    )
    assert told["attempts"] == "3: 1 done, 1 failed, 1 running"
    (tmp_path / "go").touch()
    running.communicate(timeout=60)


def test_output_tells_its_job(jor: Jor, example: Path) -> None:
    jor("run")
    assert jor("show", "output/example4/ind3.txt").out.splitlines()[0] == "jobs_example(n=4) job 3: done"
    done = jor("show", "output/example4/ind4.txt")
    assert done.code == 2
    assert "no job has this output" in done.err


def test_path_of_a_job_module_is_its_entry(jor: Jor, write: Write) -> None:
    write(moody=MOODY, todo=TODO)
    assert jor("show", "./moody.py").out == jor("show", "./moody").out == jor("show", "moody").out


def test_index_out_of_range_and_unknown_entry_are_refused(jor: Jor, write: Write) -> None:
    write(moody=MOODY, todo=TODO)
    done = jor("show", "moody", 3)
    assert done.code == 2
    assert "moody: there is no job 3\n  Give an index from 0 to 2" in done.err
    done = jor("show", "mody")
    assert done.code == 2
    assert "Did you mean" in done.err


def test_all_entries_of_a_job_module_are_told(jor: Jor, example: Path) -> None:
    stories = jor("show", "jobs_example").out.split("\n\n")
    assert [story.splitlines()[0] for story in stories] == ["jobs_example(n=3)", "jobs_example(n=4)"]


def test_what_jobs_run_in_is_told(jor: Jor, example: Path) -> None:
    jor("run")
    (path,) = example.glob("output/example3/.jor/*/runs/*/submission.json")
    content = json.loads(path.read_text())
    content["surroundings"].update(image="/images/tools.sif", sha256="0123abcd", condaenv="/opt/env")
    path.write_text(json.dumps(content))
    told = "container /images/tools.sif sha256:0123abcd conda environment /opt/env"
    assert fields(jor("show", "jobs_example(n=3)").out)["runs in"] == told
    assert fields(jor("show", "jobs_example(n=3)", 1).out)["runs in"] == told


def test_collection_is_told_and_that_a_later_one_has_failed(jor: Jor, example: Path) -> None:
    jor("run")
    jor("collect")
    assert fields(jor("show", "jobs_example(n=3)").out)["collected"].endswith(", 3 of 3 outputs into all.txt")
    (note,) = example.glob("output/example3/.jor/*/collected.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "unfinished_since": "2026-01-01T00:00:00.000Z"}))
    told = fields(jor("show", "jobs_example(n=3)").out)["collected"]
    assert told.endswith("another collection has begun since, and not succeeded")


def test_lines_fit_into_the_terminal_but_for_paths(jor: Jor, write: Write) -> None:
    write(moody=MOODY.replace("principal components", "principal components " * 9), todo=TODO)
    jor("run")
    for story in (jor("show", "moody").out, jor("show", "moody", 1).out):
        assert [line for line in story.splitlines() if len(line) > 80 and "/" not in line] == []
