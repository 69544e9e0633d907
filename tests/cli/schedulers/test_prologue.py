"""A prologue that fails stops its task, and is told with its line and its message; one that does not is left alone."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from jor import ConfigError
from jor.runtime.run_folder import Run
from jor_cli.schedulers.slurm.prologue import SUFFIX, ended_prologues, require_syntax
from jor_slurm import ARRAY_TASK_ID, RESTART_COUNT, batch_script

#: As Lmod does it: a function with failures of its own, several lines of error, and an exit status.
LMOD = """\
module() {
  grep -q nothing /dev/null
  [ "$2" = gcc ] && { export CC=gcc; return 0; }
  printf 'Lmod has detected the following error: unknown module: "%s"\\n\\nPlease check the spelling.\\n' "$2" >&2
  return 1
}
module load gcc
"""
#: As a virtual environment's, and conda's: with unset variables, and commands that fail inside.
ACTIVATE = "false; grep -q x /dev/null\nexport WHERE=venv\ntrue\n"


def run_script(folder: Path, prologue: str, restart: int = 0) -> tuple[str, str]:
    """Run a script with this prologue as Slurm does; return whether it has come to its command, and its end as told."""
    (folder / "activate").write_text(ACTIVATE)
    (folder / "spoiled").write_text("return 3\n")
    ended = (f"{folder}/task-", ARRAY_TASK_ID, ".r", RESTART_COUNT, SUFFIX)
    script = folder / "script.sh"
    script.write_text(batch_script(["sh", "-c", "echo came: $CC $WHERE"], prologue=prologue, ended=ended))
    environ = {"PATH": os.environ["PATH"], "SLURM_ARRAY_TASK_ID": "4", "SLURM_RESTART_COUNT": str(restart)}
    log = folder / "task-4.log"
    with log.open("a") as file:
        subprocess.run(["bash", str(script)], stdout=file, stderr=file, cwd=folder, env=environ, timeout=30)
    came = [line for line in log.read_text().splitlines() if line.startswith("came:")]
    return "".join(came), ended_prologues(Run(str(folder))).get(4, "")


@pytest.mark.parametrize(
    "prologue",
    [
        LMOD,
        "source ./activate",
        "set -u; . ./activate; set -e; true\nset +eu",
        "false || true\nfalse && true\n! true",
        "if false; then :; fi; while false; do :; done",
        "(false; true)\nx=$(false; echo 1)",
        "false | cat",
        "false &",
        "set -E; f() { false; true; }; f; (false; true); . ./activate",
        "trap 'echo mine' ERR; false",
        "trap 'echo mine' EXIT",
        "set -a; set -o noclobber; export A=1",
        "cat <<END\nexit 1\nEND",
        "seq 200000",
        "for i in 1 2; do\n  false ||\n    true\ndone",
        "shopt -s expand_aliases\nalias ok='true'\nok",
    ],
)
def test_prologue_that_does_not_fail_comes_to_its_command(tmp_path, prologue):
    came, told = run_script(tmp_path, prologue)
    assert came.startswith("came:")
    assert told == ""


def test_what_a_prologue_sets_reaches_the_command(tmp_path):
    assert run_script(tmp_path, f"{LMOD}source ./activate") == ("came: gcc venv", "")


@pytest.mark.parametrize(
    ("prologue", "told"),
    [
        (f"{LMOD}module load gc", 'module load gc: Lmod has detected the following error: unknown module: "gc"'),
        ("true\nmodule load gcc/12", "module load gcc/12: module: command not found"),
        ("source /no/bin/activate", "source /no/bin/activate: /no/bin/activate: No such file or directory"),
        ("source ./spoiled", "source ./spoiled: exit status 3"),
        (". /no/activate || exit 1", "exit 1: /no/activate: No such file or directory"),
        ("set +e\nls /no/place", "ls /no/place: ls: cannot access '/no/place': No such file or directory"),
        ("set -u\necho $NOT_SET", "echo $NOT_SET: NOT_SET: unbound variable"),
        ("die() { echo bad >&2; exit 4; }\ndie", "exit 4: bad"),
        ("cat <<END | grep zz\nx\nEND", "cat <<END | grep zz: exit status 1"),
        ("set -eE; (exit 5)", "set -eE; (exit 5): exit status 5"),
        ("exec >/dev/null 2>&1; false", "exec >/dev/null 2>&1; false: exit status 1"),
        ("trap - EXIT\nPATH=\nls", "ls: ls: No such file or directory"),
        ("if then", ""),
    ],
)  # fmt: skip
def test_line_that_fails_stops_the_task_and_is_told(tmp_path, prologue, told):
    came, reason = run_script(tmp_path, prologue)
    assert came == ""
    assert reason.startswith("the prologue failed: ")
    assert reason.endswith(told)


def test_prologue_that_exits_well_is_told(tmp_path):
    assert run_script(tmp_path, "echo no such module; exit 0") == ("", "the prologue ended it: exit 0")


@pytest.mark.parametrize(
    ("prologue", "told"),
    [
        ("true\nmodule load 'gcc", "line 2: unexpected EOF while looking for matching `''"),
        ("x=$(true", "unexpected EOF"),
        ("if true; then\nmodule load gcc", "syntax error: unexpected end of file"),
        ("if then", "syntax error near unexpected token `then'"),
        ("cat <<END\nexit 1", "here-document"),
    ],
)
def test_prologue_that_bash_cannot_read_is_refused(prologue, told):
    with pytest.raises(ConfigError, match=f"jor.cfg: bash cannot read the prologue: .*{re.escape(told)}"):
        require_syntax(prologue, "jor.cfg")


@pytest.mark.parametrize("prologue", [f"{LMOD}{ACTIVATE}", "shopt -s extglob\nls !(x)", "cat <<END\n'\nEND", "# it's"])
def test_prologue_that_bash_can_read_is_not_refused(prologue):
    require_syntax(prologue, "jor.cfg")


def test_newest_attempt_counts(tmp_path):
    assert run_script(tmp_path, "echo full; false")[1] == "the prologue failed: echo full; false: full"
    assert run_script(tmp_path, "echo again; (exit 2)", restart=1)[1].endswith("(exit 2): again")
    (tmp_path / "task-4.r2.jsonl").touch()
    assert ended_prologues(Run(str(tmp_path))) == {}


def test_prologue_that_a_signal_ends_is_not_to_blame(tmp_path):
    assert run_script(tmp_path, "kill -TERM $$; sleep 5") == ("", "")


@pytest.mark.parametrize("note", ["", "x\ny\nz", "1\n999\nls", "1\n0\n" + "x" * 200_000])
def test_note_that_is_odd_is_told_without_its_line(tmp_path, note):
    (tmp_path / f"task-4.r0{SUFFIX}").write_text(note)
    assert ended_prologues(Run(str(tmp_path))) == {4: "the prologue ended it"}
