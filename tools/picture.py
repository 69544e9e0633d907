"""Make the README's pictures, tools/pictures/*.svg, from the real program in a real terminal of 80 columns."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "tools/pictures"

#: A sweep in which something goes wrong, in two ways.
FAILING = """\
import jor


def solve(size, step):
    if step > 0.4:
        raise ArithmeticError(f"no convergence after {size * 10} iterations")
    return [0] * size


class Jobs(jor.JobsBase):
    name = "solve"
    mem = "500M"

    def _mk_jobs(self):
        self._jobs = jor.grid(size=[100, 200, 400], step=[0.1, 0.2, 0.4, 0.5])

    def execute(self, i):
        job = self._jobs[i]
        print("size", job["size"], "step", job["step"])
        with open(self._get_output_path(**job), "w") as file:
            file.write(str(solve(**job)))
"""


def in_terminal(command: str, folder: Path) -> str:
    """Run a command line in a pseudo-terminal of 80 columns; return what a terminal would show at the end."""
    _, *arguments = shlex.split(command, comments=True)
    argv = [sys.executable, "-m", "jor_cli", *arguments]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.environ.pop("NO_COLOR", None)
        os.environ.update(TERM="xterm-256color", COLUMNS="80")
        os.execv(argv[0], argv)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.waitpid(pid, 0)
    return last_frames(shown.decode())


def last_frames(shown: str) -> str:
    """Return the text without what a live view has drawn over: of each redrawn line, its last state."""
    lines = []
    for line in shown.replace("\r\n", "\n").split("\n"):
        last = line.rpartition("\r")[2]
        for code in ("\x1b[2K", "\x1b[1A", "\x1b[?25l", "\x1b[?25h"):
            last = last.replace(code, "")
        lines.append(last)
    return "\n".join(lines).rstrip() + "\n"


def draw(name: str, title: str, commands: Sequence[str], folder: Path) -> None:
    """Run command lines of jor, and of cat, in `folder` and draw what they show."""
    console = Console(record=True, width=80, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for number, command in enumerate(commands):
        if number:
            console.print()
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        shown = (
            (folder / command.split()[1]).read_text() if command.startswith("cat ") else in_terminal(command, folder)
        )
        console.print(Text.from_ansi(shown.rstrip("\n").replace(str(folder.parent), "/home/me")))
    console.print()  # or the last line loses its descenders
    target = PICTURES / f"{name}.svg"
    text = console.export_svg(title=title, unique_id="jor")
    # A font from elsewhere would not be fetched where the README is shown; without it, that of the reader is taken.
    target.write_text(re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL))
    print(f"{target.relative_to(ROOT)} is new")


def main() -> None:
    """Draw the first screen of the README, the basic example, and a sweep that fails."""
    PICTURES.mkdir(exist_ok=True)
    first = (ROOT / "README.md").read_text().partition("\n## ")[0]
    script = re.findall(r"```python\n(.*?)```", first, flags=re.DOTALL)[0]
    (block,) = re.findall(r"```sh\n(jor .*?)```", first, flags=re.DOTALL)
    commands = [line.partition("#")[0].strip() for line in block.splitlines()]
    with tempfile.TemporaryDirectory() as scratch:
        mine = Path(scratch) / "mine"
        mine.mkdir()
        (mine / "simulate.py").write_text(script)
        shown = [command for command in commands if "check" not in command and "status" not in command]
        draw("init", "a first sweep", ["cat simulate.py", *shown, "cat output/simulate.csv"], mine)
        ignored = shutil.ignore_patterns("output", "__pycache__")
        basic = Path(shutil.copytree(ROOT / "examples/basic", Path(scratch) / "basic", ignore=ignored))
        draw("run", "examples/basic", ["jor run", "jor status", "jor run"], basic)
        failing = Path(scratch) / "failing"
        failing.mkdir()
        (failing / "jobs_solve.py").write_text(FAILING)
        (failing / "todo.yaml").write_text("jobs:\n- jobmodule: jobs_solve.py\n")
        in_terminal("jor run --quiet", failing)
        draw("status-failed", "what went wrong", ["jor status", "jor status --failed"], failing)
        draw(
            "show",
            "one job, and what all have used",
            ["jor show jobs_solve 6", "jor logs jobs_solve 6", "jor advise"],
            failing,
        )
        shutil.rmtree(failing / "solve")
        todo = "jobs:\n- jobmodule: jobs_solve.py\n- jobmodule: jobs_solve.py\n  jobarg: step=0.3\n"
        (failing / "todo.yaml").write_text(todo)
        draw("check", "before anything runs", ["jor check --try"], failing)


if __name__ == "__main__":
    main()
