"""Make tools/picture.svg, the README's picture, from the real program in a real terminal of 80 columns."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
COMMANDS = (["run"], ["status"], ["run"])


def in_terminal(argv: list[str], folder: Path) -> str:
    """Run `argv` in a pseudo-terminal of 80 columns; return what a terminal would show at the end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
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


def main() -> None:
    """Run the basic example and draw what it shows."""
    console = Console(record=True, width=80, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    with tempfile.TemporaryDirectory() as scratch:
        ignored = shutil.ignore_patterns("output", "__pycache__")
        folder = Path(shutil.copytree(ROOT / "examples/basic", Path(scratch) / "basic", ignore=ignored))
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), ("jor " + " ".join(command), "bold")))
            console.print(Text.from_ansi(in_terminal([sys.executable, "-m", "jor_cli", *command], folder)))
    target = ROOT / "tools/picture.svg"
    target.write_text(console.export_svg(title="examples/basic", unique_id="jor"))
    print(f"{target.relative_to(ROOT)} is new")


if __name__ == "__main__":
    main()
