"""`jor status`: where the jobs stand. It changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .commands import Jor, stamps, wait_until

Write = Callable[..., None]

FAILING = """\
import jor

class Jobs(jor.JobsBase):
    name = "failing"

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(3)]

    def execute(self, i):
        print("before")
        if i == 1:
            raise ValueError("no convergence")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""


def told(jor: Jor, *args: object) -> Any:
    """Return what `jor status --json` tells."""
    done = jor("status", "--json", *args)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_status_counts_the_jobs_of_each_entry_and_of_all(jor: Jor, example: Path) -> None:
    jor("run", "jobs_example(n=3)")
    assert [line.split() for line in jor("status").out.splitlines()] == [
        ["entry", "done", "missing", "total"],
        ["jobs_example(n=3)", "3", "0", "3"],
        ["jobs_example(n=4)", "0", "4", "4"],
        ["all", "3", "4", "7"],
    ]


def test_status_takes_the_entries_named(jor: Jor, example: Path) -> None:
    lines = jor("status", "jobs_example(n=4)").out.splitlines()
    assert [line.split() for line in lines[1:]] == [["jobs_example(n=4)", "0", "4", "4"]]


def test_status_writes_nothing_where_nothing_has_run(jor: Jor, example: Path) -> None:
    before = stamps(example)
    assert jor("status").code == 0
    assert stamps(example) == before


def test_status_changes_nothing_after_a_run(jor: Jor, example: Path) -> None:
    jor("run")
    before = stamps(example)
    jor("status")
    jor("status", "--json")
    assert stamps(example) == before


def test_status_tells_why_a_job_failed(jor: Jor, write: Write) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    done = jor("status")
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["entry", "done", "failed", "missing", "total"]
    assert "failing 1 index=1 failed: ValueError: no convergence" in done.said


def test_status_forgets_a_failure_when_the_job_has_been_done(jor: Jor, write: Write) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    write(failing=FAILING.replace("i == 1", "i == 7"))
    jor("run")
    assert [line.split() for line in jor("status").out.splitlines()] == [
        ["entry", "done", "missing", "total"],
        ["failing", "3", "0", "3"],
    ]


def test_output_that_has_gone_is_missing_with_the_reason(jor: Jor, example: Path) -> None:
    jor("run")
    (example / "output/example3/ind1.txt").unlink()
    assert "missing: it was done, and its output has gone since" in jor("status").said


def test_empty_output_without_a_record_is_interrupted_and_runs_again(jor: Jor, example: Path) -> None:
    folder = example / "output" / "example3"
    folder.mkdir(parents=True)
    (folder / "ind0.txt").touch()
    (folder / "ind1.txt").write_text("whole")
    assert told(jor)["entries"][0]["counts"]["interrupted"] == 1
    assert "2 jobs to run" in jor("run").out
    assert (folder / "ind0.txt").read_text() == "{'index': 0}\n"
    assert (folder / "ind1.txt").read_text() == "whole"


def test_empty_output_that_a_job_has_written_is_done(jor: Jor, write: Write) -> None:
    write(failing=FAILING.replace("i == 1", "i == 7").replace('"well"', '""'), todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    assert told(jor)["counts"]["done"] == 3
    assert "all 3 jobs done" in jor("run").out


def test_json_has_version_totals_and_entries(jor: Jor, example: Path) -> None:
    jor("run", "jobs_example(n=3)")
    counts = {
        "done": 0,
        "running": 0,
        "queued": 0,
        "failed": 0,
        "interrupted": 0,
        "outdated": 0,
        "missing": 0,
        "unknown": 0,
    }
    found = told(jor)
    assert {key: found[key] for key in found if key != "entries"} == {
        "version": 1,
        "total": 7,
        "counts": {**counts, "done": 3, "missing": 4},
    }
    assert found["entries"][1] == {
        "name": "jobs_example(n=4)",
        "jobmodule": str(example / "jobs_example.py"),
        "jobargs": "n=4",
        "output_folder": str(example / "output" / "example4"),
        "total": 4,
        "counts": {**counts, "missing": 4},
        "suspect": [],
        "old": [],
        "notes": [],
        "problems": [],
    }


def test_json_tells_where_the_words_of_a_failed_job_are(jor: Jor, write: Write) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run", "--workers", 1)
    (problem,) = told(jor)["entries"][0]["problems"]
    first, last = problem["log_range"]
    words = Path(problem["log"]).read_bytes()[first:last]
    assert words.startswith(b"before\nTraceback")
    assert words.endswith(b"ValueError: no convergence\n")
    assert {key: problem[key] for key in ("job", "parameters", "status", "reason")} == {
        "job": 1,
        "parameters": {"index": 1},
        "status": "failed",
        "reason": "ValueError: no convergence",
    }
    assert problem["seconds"] >= 0


def test_status_of_an_entry_without_jobs_is_nought(jor: Jor, write: Write) -> None:
    write(none=FAILING.replace("range(3)", "range(0)"), todo="jobs:\n- jobmodule: none\n")
    assert told(jor)["total"] == 0
    done = jor("run")
    assert (done.code, done.out) == (0, "[jor] none: it lists no jobs\n")


def test_status_knows_a_file_that_a_user_has_put_there(jor: Jor, example: Path) -> None:
    (example / "output/example3").mkdir(parents=True)
    (example / "output/example3/ind0.txt").write_text("by hand")
    assert told(jor)["entries"][0]["counts"]["done"] == 1


MANY = """\
import sys
import jor

class Jobs(jor.JobsBase):
    def __init__(self, n=1, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.name = f"many{n}"
        self._jobs = [dict(index=i, n=n) for i in range(n)]

    def execute(self, i):
        print("one\\ttab", "\\x1b[31mred")
        print("last words of", i)
        if i % 4 == 1:
            raise ValueError(f"no convergence after {i * 100} iterations")
        if i % 4 == 2:
            sys.exit(3)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""


def test_failures_are_told_by_their_cause_with_an_example(jor: Jor, write: Write) -> None:
    write(many=MANY, todo="jobs:\n- jobmodule: many\n  jobargs: n=7\n- jobmodule: many\n  jobargs: n=10\n")
    jor("run")
    first, second = jor("status", "--failed").out.split("\n\n")
    assert first.startswith("5 jobs failed: ValueError: no convergence after 100 iterations\n")
    assert "  many(n=7): 1, 5\n  many(n=10): 1, 5, 9\n" in first
    assert "for example job 1 (index=1 n=7)" in first
    assert "| ValueError: no convergence after 100 iterations\n" in first
    assert second.startswith("4 jobs failed: sys.exit(3)\n")
    assert "| one tab [31mred\n  | last words of 2\n  all of it: jor logs 'many(n=7)' 2" in second


def test_entry_keeps_its_past_when_it_gets_a_name(jor: Jor, write: Write) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    write(todo="jobs:\n- jobmodule: failing\n  name: odd one\n")
    assert "failed: ValueError: no convergence" in jor("status").out
    assert jor("logs", "odd one", "1").out.startswith(
        "==> odd one job 1 (index=1): ValueError: no convergence\nbefore\n"
    )


def test_crash_is_told_by_the_place_where_it_happened(jor: Jor, write: Write) -> None:
    crash = "        import faulthandler\n        faulthandler._sigsegv()\n"
    write(many=MANY.replace('        print("last words of", i)\n', crash), todo="jobs:\n- jobmodule: many\n")
    jor("run")
    lines = [line for line in jor("status", "--failed").out.splitlines() if line.startswith("  |")]
    assert lines[0].startswith("  | Fatal Python error: Segmentation fault")
    assert any(re.search(r'many\.py", line \d+ in execute', line) for line in lines)


def test_many_causes_and_many_entries_of_a_cause_are_told_in_short(jor: Jor, write: Write) -> None:
    letters = MANY.replace("no convergence after {i * 100} iterations", "{'abcdefghijklmnopqrstuvwxyz'[i // 4]}")
    write(many=letters, todo="jobs:\n- jobmodule: many\n  sweep:\n    n: [61, 62, 63, 64, 65, 66, 67]\n")
    jor("run", "--quiet")
    parts = jor("status", "--failed").out.split("\n\n")
    title, first, *_, fifth, more = parts[0].splitlines()[:7]
    assert title == "111 jobs failed: sys.exit(3)"
    assert first.startswith("  many(n=61): 2, 6, 10, 14, ")
    assert fifth.startswith("  many(n=65): ")
    assert more == "  ... and jobs of 2 more entries"
    assert parts[1].startswith("7 jobs failed: ValueError: a\n")
    assert parts[10:] == ["... and 50 jobs of 8 more causes: jor status --json tells all\n"]
    short = jor("status").out.split("\n\n")[1].splitlines()
    assert short[:2] == ["111 jobs failed: sys.exit(3)", "7 jobs failed: ValueError: a"]
    assert short[5:] == ["... and 13 more causes: jor status --failed tells more"]


def test_status_fits_a_terminal_that_is_narrower_than_its_table(jor: Jor, write: Write) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    done = jor("status", COLUMNS=20)
    assert done.code == 0
    assert max(map(len, done.out.split("\n\n")[0].splitlines())) <= 20


def test_no_failure_is_told_too(jor: Jor, example: Path) -> None:
    jor("run")
    assert jor("status", "--failed").out == "[jor] No job has failed\n"


def test_many_entries_are_folded_the_worst_first(jor: Jor, write: Write) -> None:
    sizes = ", ".join(map(str, range(1, 61)))
    write(many=MANY, todo=f"jobs:\n- jobmodule: many\n  sweep:\n    n: [{sizes}]\n")
    jor("submit", "many", "--jobargs", "n=2")
    lines = jor("status").out.split("\n\n")[0].splitlines()
    assert len(lines) == 22
    assert lines[1].split() == ["many(n=2)", "1", "1", "0", "2"]
    assert lines[2].split() == ["many(n=60)", "0", "0", "60", "60"]
    assert lines[-2].startswith("41 more (--all) ")
    assert len(jor("status", "--all").out.split("\n\n")[0].splitlines()) == 62
    assert lines[-1].split() == ["all", "1", "1", "1,828", "1,830"]


def test_status_is_watched_to_the_end(jor: Jor, slow: Path) -> None:
    run = jor.start("run", "--quiet")
    wait_until(lambda: slow.is_dir() and any(slow.glob("*.txt")))
    done = jor("status", "--watch")
    assert jor.end_of(run).code == 0
    assert done.code == 0
    assert done.out.splitlines()[-1] == "[jor] 40 done of 40"


def test_ways_to_look_that_do_not_go_together_are_refused(jor: Jor, example: Path) -> None:
    done = jor("status", "--watch", "--json")
    assert done.code == 2
    assert "--json and --watch do not go together" in done.err


def test_watching_what_does_not_run_ends_at_once(jor: Jor, example: Path) -> None:
    assert jor("status", "--watch").out == "[jor] 7 missing of 7\n"


def test_outputs_under_former_names_are_told(jor: Jor, write: Callable[..., None], tmp_path: Path) -> None:
    text = "import jor, enum\nclass E(str, enum.Enum):\n    A = 'a'\nclass Jobs(jor.JobsBase):\n    name = 'o'\n"
    text += "    _jobs = [{'t': {'x', 'y', 'z'}}, {'t': 1}, {'t': E.A}]\n    def execute(self, i): pass\n"
    write(o=text, todo="jobs:\n- jobmodule: o\n")
    (tmp_path / "o").mkdir()
    assert "0.2.0" not in jor("status").out
    for name in ("t{'z', 'x', 'y'}.txt", "t2.txt"):
        (tmp_path / "o" / name).touch()
    said = jor("status").said
    assert "outputs under names that jor 0.2.0 gave: 1, such as \"t{'z', 'x', 'y'}.txt\"" in said
    assert "which is \"t{'x', 'y', 'z'}.txt\" now" in said
    assert "Rename them to keep them" in said
