"""Fixtures: the command jor under faults, and the matrix of faults and promises at the end of a run."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..integration.commands import Jor, wait_until
from ..integration.conftest import mount  # noqa: F401 # a fixture
from .projects import CAREFUL_JOBS
from .summary import Found, told

#: In CI a third of the seeds: the same ones each time.
SHORT = "CI" in os.environ


def seeds(count: int) -> range:
    """Return the seeds of a test that has `count` of them when there is time."""
    return range(max(count // 3, 1) if SHORT else count)


@pytest.fixture(scope="session")
def injector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the library that makes system calls fail, and kills."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("the tests of faults need a C compiler: apt-get install gcc libc6-dev")
    library = tmp_path_factory.mktemp("injector") / "inject.so"
    source = Path(__file__).with_name("inject.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


class Faults:
    """What befalls the commands of a test: variables of the environment for them."""

    def __init__(self, injector: Path, folder: Path) -> None:
        self._injector = injector
        self._counter = folder / "counter"
        self._log = folder / "strikes"
        self._clock = folder / "clock"

    def strike(self, how: str | int | None, at: int = 1, **wanted: object) -> dict[str, str]:
        """Return the environment in which `how` befalls a call: see inject.c. `wanted`: path, calls, role, times."""
        self._counter.write_bytes(bytes(64))
        self._clock.write_bytes(bytes(64))
        calls = ",".join(["", *str(wanted.pop("calls", "")).split(), ""])
        chosen = {"FAULT_PATH": "/", "FAULT_CALLS": calls.strip(",") and calls}
        chosen |= {f"FAULT_{name.upper()}": str(value) for name, value in wanted.items()}
        if how is not None:
            chosen |= {"FAULT_HOW": str(how), "FAULT_AT": str(at)}
        files = {"COUNTER": self._counter, "LOG": self._log, "CLOCK": self._clock}
        return {"LD_PRELOAD": str(self._injector), **chosen, **{f"FAULT_{k}": str(v) for k, v in files.items()}}

    def set_clock(self, seconds: float) -> None:
        """Let the time of day be so much later for all that runs."""
        with self._clock.open("r+b") as file:  # never shorter: it is mapped
            file.write(struct.pack("d", seconds))

    @property
    def counts(self) -> dict[str, int]:
        """How many calls there were: of each role."""
        numbers = struct.unpack("8l", self._counter.read_bytes())
        return dict(zip(("all", "command", "worker", "host", "job"), numbers, strict=False))

    @property
    def strikes(self) -> list[str]:
        """What was struck: role, call, path, and where a rename is from, with tabs."""
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def faults(injector: Path, tmp_path_factory: pytest.TempPathFactory) -> Faults:
    """Give what befalls the commands of a test."""
    return Faults(injector, tmp_path_factory.mktemp("faults"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of jobs that tell of each other; return the folder of their outputs."""
    (tmp_path / "careful.py").write_text(CAREFUL_JOBS)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: careful\n")
    (tmp_path / "jor.cfg").write_text("[local]\nworkers = 2\n")
    return tmp_path / "careful"


@pytest.fixture
def jor(tmp_path: Path) -> Iterator[Jor]:
    """Give the command; end all that it has started."""
    command = Jor(tmp_path)
    yield command
    command.end()


def gone(jor: Jor) -> None:
    """Wait until nothing runs of what the commands have started."""
    wait_until(lambda: jor.processes() == set())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest tests begin first; leave each file of tests of a cluster to one process, with its own cluster."""
    items.sort(key=lambda item: "tests/faults/test_load.py" not in item.nodeid)
    for item in items:
        if item.nodeid.startswith("tests/cluster/"):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix."""
    reports = [
        one for outcome in ("passed", "failed", "skipped", "error") for one in terminalreporter.getreports(outcome)
    ]
    terminalreporter.section("faults, promises, and what came out")
    for line in told(Found(reports)):
        terminalreporter.write_line(line)
