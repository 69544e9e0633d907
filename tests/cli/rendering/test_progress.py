"""How a run looks while it goes on: a bar on a terminal, lines elsewhere, nothing if so wished."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jor.local.scheduler import Progress
from jor_cli.rendering.progress import Bar, Lines, Nothing, described, view

DEADLINE = 60.0

#: While there is a file `hold`, the jobs after the first few do not end.
JOBS = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    name = "shown"

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(30)]

    def execute(self, i):
        time.sleep(0.05)
        while i > 5 and os.path.exists("hold"):
            time.sleep(0.05)
        if i == 1:
            raise ValueError("odd")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""


class Terminal:
    """A command in a pseudo-terminal of 80 columns."""

    def __init__(
        self, folder: Path, environment: dict[str, str], *args: str, rows: int = 24, columns: int = 80
    ) -> None:
        self._master, slave = pty.openpty()
        self._size(rows, columns)
        command = [sys.executable, "-m", "jor_cli", *args]
        environment = {**environment, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.shown = ""

    def read(self, until: str = "") -> str:
        """Read what it shows until a text appears, or else to its end; return all that it has shown so far."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and not (until and re.search(until, self.shown)):
            if not select.select([self._master], [], [], 1)[0]:
                continue
            try:
                self.shown += os.read(self._master, 65536).decode(errors="replace")
            except OSError:
                break  # EIO: the command has closed its end (pty(7))
        return self.shown

    def resize(self, rows: int, columns: int) -> None:
        """Have the terminal another size, and tell so."""
        self._size(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def _size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """Give a function that starts the command in a terminal, in a folder with 30 jobs of which one fails."""
    (tmp_path / "shown.py").write_text(JOBS)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: shown\n")
    terminals: list[Terminal] = []

    def start(*args: str, rows: int = 24, columns: int = 80, **more: str) -> Terminal:
        own = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        terminals.append(Terminal(tmp_path, {**own, **more}, *args, rows=rows, columns=columns))
        return terminals[-1]

    yield start
    for one in terminals:
        one.close()


def test_terminal_shows_what_is_done_failed_running_and_the_rate(terminal: Callable[..., Terminal]) -> None:
    shown = terminal("run", "--workers", "2").read()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"\d+/30 done 1 failed [012] running +[\d.,]+/s", plain)
    assert re.search(r"\[jor\] 29 of 30 jobs done, 1 failed", plain)


def test_terminal_gets_its_cursor_back(terminal: Callable[..., Terminal]) -> None:
    shown = terminal("run").read()
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") > -1


def test_terminal_gets_its_cursor_back_after_ctrl_c(terminal: Callable[..., Terminal]) -> None:
    one = terminal("run", "--workers", "1")
    one.read(until="[1-9]/30")
    one.process.send_signal(signal.SIGINT)
    shown = one.read()
    assert one.process.wait(DEADLINE) == 130
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") > -1
    assert "Stopped by SIGINT" in shown


def test_terminal_shows_status_in_colours(terminal: Callable[..., Terminal]) -> None:
    terminal("run", "--quiet").read()
    assert "\x1b[32m29\x1b[0m" in terminal("status").read()


def test_no_color_is_respected(terminal: Callable[..., Terminal]) -> None:
    terminal("run", "--quiet").read()
    for command in (["status"], ["status", "--failed"], ["check"], ["logs", "shown", "1"]):
        assert "\x1b" in terminal(*command).read()
        assert "\x1b" not in terminal(*command, NO_COLOR="1").read()


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """Keep the jobs from ending until this file is deleted."""
    path = tmp_path / "hold"
    path.touch()
    return path


def test_status_is_watched_on_a_screen_of_its_own(terminal: Callable[..., Terminal], hold: Path) -> None:
    run = terminal("run", "--quiet", "--workers", "1")
    wait_until_running(terminal)
    watch = terminal("status", "--watch")
    watch.read(until="running or queued")
    hold.unlink()
    shown = watch.read()
    assert run.process.wait(DEADLINE) == 1
    (before, during, after) = re.split("\x1b\\[[?]1049[hl]", shown)
    assert before == ""
    assert during.startswith("\x1b[?25l")
    assert during.endswith("\x1b[?25h")
    assert " running or queued" in during
    assert "\x1b[32m29\x1b[0m" in after
    assert "odd" in after


def test_watch_ends_by_ctrl_c_with_the_terminal_as_it_was(terminal: Callable[..., Terminal], hold: Path) -> None:
    run = terminal("run", "--quiet", "--workers", "1")
    wait_until_running(terminal)
    watch = terminal("status", "--watch", NO_COLOR="1")
    watch.read(until="running or queued")
    watch.process.send_signal(signal.SIGINT)
    after = watch.read().partition("\x1b[?1049l")[2]
    assert watch.process.wait(DEADLINE) == 130
    hold.unlink()
    assert after.startswith("entry")
    assert "\x1b" not in after
    assert run.process.wait(DEADLINE) == 1


def test_watch_fits_a_small_terminal_and_one_that_changes(terminal: Callable[..., Terminal], hold: Path) -> None:
    run = terminal("run", "--quiet", "--workers", "1")
    wait_until_running(terminal)
    watch = terminal("status", "--watch", rows=4, columns=30)
    watch.read(until="running or queued")
    watch.resize(rows=40, columns=90)
    watch.read(until="running or queued[^\\0]*running or queued")
    hold.unlink()
    watch.read()
    frames = watch.shown.partition("\x1b[?1049l")[0].split("\x1b[H")[1:]
    assert frames[0].count("\n") < 4
    assert all(frame.count("\n") < 40 for frame in frames)
    assert run.process.wait(DEADLINE) == 1


def wait_until_running(terminal: Callable[..., Terminal]) -> None:
    while "running" not in terminal("status").read().partition("\n")[0]:
        pass


def test_quiet_shows_nothing_on_a_terminal_but_failures(terminal: Callable[..., Terminal]) -> None:
    shown = terminal("run", "--quiet").read()
    assert shown.startswith("entry")
    assert "\x1b" not in shown


def test_pipe_gets_plain_lines(tmp_path: Path, terminal: object, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "jor_cli", "run"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=DEADLINE)
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\r" not in done.stdout + done.stderr


def test_view_is_chosen_by_where_it_goes() -> None:
    assert type(view(quiet=False, terminal=True)) is Bar
    assert type(view(quiet=False, terminal=False)) is Lines
    assert type(view(quiet=True, terminal=True)) is Nothing
    assert type(view(quiet=True, terminal=False)) is Nothing


def test_bar_tells_no_rate_for_what_had_ended_before_it_began(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        bar.show(Progress(total=1200, done=1100, failed=0, interrupted=0, running=3))
    assert "1,100/1,200 done 3 running 0.0/s --:--" in " ".join(capsys.readouterr().out.split())


def test_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(Progress(total=10, done=1, failed=0, interrupted=0, running=2))
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(lines, "every", 0)
    lines.show(Progress(total=10, done=1, failed=0, interrupted=0, running=2))
    assert capsys.readouterr().out == "[jor] 1 of 10 done, 2 running\n"


def test_progress_is_told_with_separated_thousands() -> None:
    assert described(Progress(total=12345, done=1234, failed=1000, interrupted=0, running=8)) == (
        "[jor] 1,234 of 12,345 done, 1,000 failed, 8 running"
    )
