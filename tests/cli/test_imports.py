"""What a command imports before it does anything: start-up is paid each time, and lazy imports are kept honest here.

Listed is what does not come with Python, by its top-level name; and of Python's own what is dear. Not a timed test: a
new name in a golden file is to be seen, and to be worth what it costs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

#: Modules of the standard library that take more than about 5 ms, with all that they import.
DEAR = {
    "asyncio", "concurrent", "dataclasses", "decimal", "email", "http", "importlib.metadata", "inspect", "logging",
    "multiprocessing", "pathlib", "pydoc", "secrets", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "typing", "unittest", "urllib", "xml", "zipfile",
}  # fmt: skip

#: A job module that writes down what its worker had imported when it was loaded.
TELLING = """\
import os
import sys

if "exec" in sys.argv:
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "imported.txt"), "w") as file:
        file.write("\\n".join(sys.modules))

import jor


class Jobs(jor.JobsBase):
    time = "10"
    mem = "50M"

    def _mk_jobs(self):
        self._jobs = [{"index": 0}]

    def execute(self, i):
        open(self._get_output_path(**self._jobs[i]), "w").close()
"""


#: Runs `jor` with the words that follow, and says what has been imported then.
PROGRAM = """
import runpy, sys
sys.argv[0] = "jor"
try:
    runpy.run_module("jor_cli", run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code, stop.code
sys.stderr.write("\\n".join(sys.modules))
"""


def _after(program: str, *words: str, folder: Path, environment: dict[str, str]) -> set[str]:
    """Return the names of the modules that a program, which writes them to standard error, has imported."""
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def _told(modules: set[str], before: set[str]) -> str:
    """Return the names of what is no part of Python, and of what is dear and was not imported before."""
    foreign = {name.partition(".")[0] for name in modules - before} - sys.stdlib_module_names
    # What an installation does to find its packages is not the command's, and the job module is the user's.
    foreign = {name for name in foreign if not name.startswith(("__editable__", "_distutils_hack", "telling"))}
    return "".join(f"{name}\n" for name in [*sorted(foreign), *sorted(DEAR & (modules - before))])


@pytest.mark.parametrize("words", ["--version", "status"])
def test_a_command_imports_what_its_golden_file_lists(
    words: str, example: Path, environment: dict[str, str], agrees_with_golden: Callable[[str, str], None]
) -> None:
    (example / "telling.py").write_text(TELLING)
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: telling.py\n")
    places = {"folder": example, "environment": environment}
    # What the libraries import by themselves changes with their versions.
    libraries = _after("import sys, click, attrs, yaml; sys.stderr.write('\\n'.join(sys.modules))", **places)
    libraries = {name for name in libraries if name.partition(".")[0] not in ("click", "attr", "attrs", "yaml")}

    imported = _after(PROGRAM, words, **places)

    agrees_with_golden(_told(imported, libraries), f"imports-{words.strip('-')}.txt")


def test_a_worker_imports_the_standard_library_alone_before_the_job_module(
    example: Path, environment: dict[str, str], agrees_with_golden: Callable[[str, str], None]
) -> None:
    (example / "telling.py").write_text(TELLING)
    places = {"folder": example, "environment": environment}
    python = _after("import sys; sys.stderr.write('\\n'.join(sys.modules))", **places)

    subprocess.run([sys.executable, "-m", "jor_cli", "submit", "telling.py"], cwd=example, env=environment, check=True)

    imported = set((example / "imported.txt").read_text().split())
    agrees_with_golden(_told(imported, python), "imports-exec.txt")
