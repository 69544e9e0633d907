"""Job modules that behave oddly when they load: what they do to their process disturbs neither jor nor the jobs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ..integration.commands import Jor, outputs, wait_until
from .projects import CAREFUL_JOBS, executions, expected, nothing_is_torn

ODD = {
    "prints much": "print('x' * 10**6)",
    "goes elsewhere": "import os; os.chdir('/'); os.umask(0o777)",
    "ignores children": "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "starts a thread": "import threading, time; threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
    "has no streams": "import sys; sys.stdout = sys.stderr = sys.stdin = None",
    "clears the environment": "import os; os.environ.clear()",
    "allows no depth": "import sys; sys.setrecursionlimit(100)",
    "traces": "import sys; sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "collects no garbage": "import gc; gc.disable(); gc.set_threshold(1)",
    "makes errors of warnings": "import warnings; warnings.simplefilter('error')",
    "handles all signals": "import signal\nfor n in (1, 2, 13, 15): signal.signal(n, lambda *_: None)",
    "has another class before": "class Jobs:\n    pass",
    "ends oddly": "import atexit, time; atexit.register(print, 'the end')",
}


@pytest.mark.parametrize("head", ODD.values(), ids=ODD)
def test_job_module_that_is_odd_disturbs_nothing(jor: Jor, project: Path, head: str) -> None:
    (jor.folder / "careful.py").write_text(f"{head}\n{CAREFUL_JOBS}")
    assert "6 of 6 jobs done" in jor("run").out
    assert "careful 6 0 6" in jor("status").said
    assert outputs(project) == expected()
    assert jor("run", "--overwrite-output", "--isolation", "none").code == 0
    assert jor("collect").code == 0
    assert jor.processes() == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_job_module_that_ignores_signals_is_stopped_by_them(jor: Jor, project: Path, number: int) -> None:
    head = "import signal\nfor n in (1, 2, 15): signal.signal(n, lambda *_: None)\n"
    (jor.folder / "careful.py").write_text(head + CAREFUL_JOBS)
    process = jor.start("run", "--grace-period", 1, SECONDS_OF_JOBS=600)
    wait_until(lambda: len(executions(jor.folder)) >= 2)
    process.send_signal(number)
    assert jor.end_of(process).code == 128 + number
    assert jor.processes() == set()
    assert nothing_is_torn(project)


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ("jor.grid(index=range(10**12))", "_jobs lists 1,000,000,000,000 jobs, more than the 100,000,000"),
        ("jor.grid(index=range(10**30))", "OverflowError"),
        ("Odd(lambda: -1)", "not a sequence of dictionaries"),
        ("Odd(lambda: 2.5)", "not a sequence of dictionaries"),
        ("Odd(lambda: 1 / 0)", "not a sequence of dictionaries"),
        ("Odd(lambda: 5)", "_jobs[3] raised IndexError"),
        ("Odd(lambda: 2)", "_jobs has a length of 2, and an item beyond that"),
    ],
)
def test_list_of_jobs_that_cannot_be_is_refused_at_once(jor: Jor, project: Path, jobs: str, said: str) -> None:
    odd = "class Odd:\n    def __init__(self, length): self.__class__.__len__ = lambda _: length()\n"
    odd += "    def __getitem__(self, i): return [{'index': 0}, {'index': 1}, {'index': 2}][i]\n"
    text = CAREFUL_JOBS.replace('[{"index": i} for i in range(self.n)]', jobs).replace(
        "import jor\n", f"import jor\n{odd}"
    )
    (jor.folder / "careful.py").write_text(text)
    for command in ("run", "status"):
        done = jor(command)
        assert done.code == 2
        assert "Traceback" not in done.err
        if command == "status" or "raised IndexError" not in said:
            assert said in done.said
    assert not project.exists()


@pytest.mark.parametrize(
    "value",
    [
        "(lambda a: a.append(a) or a)([])",
        "{(1, 2): 3}",
        "object()",
        "float('nan')",
        "b'\\xff'",
        "'\\udcff'",
        "'x' * 10**5",
    ],
)
def test_parameter_of_any_kind_is_run_and_shown(jor: Jor, project: Path, value: str) -> None:
    text = CAREFUL_JOBS.replace('{"index": i}', f'{{"index": i, "odd": {value}}}')
    text += "\n    def _get_output_fname(self, index, odd):\n        return f'index{index}.txt'\n"
    (jor.folder / "careful.py").write_text(text)
    assert jor("run", "--dry-run").code == 0
    assert jor("run").code == 0
    assert outputs(project) == expected()
    (project / "index1.txt").unlink()
    assert jor("status", "--json").code == 0
    assert jor("show", "careful", "1").code == 0
