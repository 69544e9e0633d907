"""Names are data on the screen too: nothing that they hold commands a terminal, or passes for a line of jor's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from .commands import Jor

#: Commands of a terminal (7-bit, 8-bit, delete, backspace), another direction of text, a line end, a byte of no UTF-8.
ODD = "a\x1b]0;owned\x07\x1b[31m\x9b31m\x7f\b\u202e\u2066\nFORGED\tz\udcff"
#: What may not reach a terminal, but for line ends.
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: What a job prints.
PRINTED = "\x1b[1mas it is"
MODULE = """\
import jor

ODD = {odd!r}

class Jobs(jor.JobsBase):
    name = {folder!r}

    def _mk_jobs(self):
        self._jobs = [{{ODD: ODD, "n": n}} for n in range(3)]

    def _get_output_fname(self, n, **_):
        return ODD + str(n)

    def execute(self, i):
        print({printed!r})
        assert i != 1, ODD
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("x")

    def collect(self):
        raise ValueError(ODD)
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Jor:
    """Give a project whose names are all odd, and that has run: folder, module, entry, outputs, parameters, errors."""
    folder = tmp_path_factory.mktemp("odd") / ODD
    folder.mkdir()
    text = MODULE.format(odd=ODD, folder=ODD, printed=PRINTED)
    (folder / f"{ODD}.py").write_text(text)
    in_yaml = json.dumps(ODD[:-1])
    (folder / "jobs.py").write_text(text)
    (folder / "todo.yaml").write_text(f"jobs:\n- {{jobmodule: jobs, name: {in_yaml}}}\n")
    (folder / f"{ODD}.yaml").write_text("jobs:\n- {jobmodule: nowhere}\n")
    jor = Jor(folder)
    assert jor("run").code == 1
    return jor


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--workers", 1],
        ["status"], ["status", "--failed"], ["status", "--by", "n"], ["status", "--watch"], ["status", ODD],
        ["show", ODD[:-1]], ["show", ODD[:-1], 1], ["show", ODD],
        ["check"], ["check", "--try"], ["advise"], ["collect"], ["report"], ["config"],
        ["run", "--dry-run", "--overwrite-output"], ["run", "--dry-run", "--overwrite-output", "--scheduler", "slurm"],
        ["cancel"], ["throttle", ODD[:-1], 1], ["logs", ODD], ["logs", ODD[:-1], 7],
        ["submit", ODD], ["submit", f"{ODD}.py", "--dry-run"], ["exec", ODD, 0], ["submit", "jobs", "--jobargs", ODD],
        ["run", "--todo-list", ODD], ["run", "--todo-list", f"{ODD}.yaml"], ["run", f"--{ODD}"], [ODD],
        ["run", "--mem", ODD], ["run", "--sif", ODD], ["run", "--condaenv", ODD], ["run", "--path-prefix", ODD],
        ["init", ODD],
    ],
    ids=str,
)  # fmt: skip
def test_what_names_hold_reaches_no_terminal(odd: Jor, words: list[object]) -> None:
    done = odd(*words, COLUMNS=100, TERM="xterm")
    has_traceback = words[0] == "collect"  # the method's own
    assert ("Traceback (most" in done.err) == has_traceback
    assert COMMANDS.search((done.out + done.err).replace(PRINTED, "")) is None
    assert has_traceback or re.search("^FORGED", done.out + done.err, re.MULTILINE) is None


def test_names_in_json_are_as_they_are(odd: Jor) -> None:
    done = odd("status", "--json")
    assert COMMANDS.search(done.out) is None
    assert json.loads(done.out)["entries"][0]["name"] == ODD[:-1]


def test_logs_show_bytes_as_they_are_below_a_title_that_does_not(odd: Jor) -> None:
    title, line = odd("logs", ODD[:-1], 0).out.splitlines()
    assert COMMANDS.search(title) is None
    assert line == PRINTED
    assert "as they are" in " ".join(odd("logs", "--help").out.split())


def test_own_colours_reach_a_terminal(odd: Jor) -> None:
    reading, terminal = os.openpty()
    command = [sys.executable, "-m", "jor_cli", "show", ODD[:-1], "1"]
    subprocess.run(command, cwd=odd.folder, stdout=terminal, timeout=60)
    said = os.read(reading, 10_000).decode()
    shown = ODD[:-1].encode("unicode_escape").decode()
    assert f"\x1b[1m{shown} job 1: failed\x1b[0m" in said
    assert COMMANDS.search(re.sub(r"\x1b\[\dm|\r\n", "", said)) is None
