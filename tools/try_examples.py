"""Run the examples in a copy and check what comes out: `python tools/try_examples.py FOLDER [slurm]`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent.parent / "examples"
#: Nothing else in the examples depends on where they run.
SCHEDULER = "slurm" if "slurm" in sys.argv[2:] else "local"


def jor(folder: Path, *args: str) -> str:
    """Run the command jor in `folder`; return what it printed. Its failure ends this program."""
    print(f"$ jor {' '.join(args)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "jor_cli", *args], cwd=folder, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    if done.returncode:
        sys.exit(f"jor {' '.join(args)} ended with exit code {done.returncode}")
    return done.stdout


def outputs(folder: Path) -> list[str]:
    """Return the files below `folder`, without jor's own records."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".jor" not in path.parts)
    return sorted(str(path.relative_to(folder)) for path in files)


def copy(name: str, folder: Path) -> Path:
    """Copy an example, without outputs that may lie there, into a fresh folder."""
    shutil.rmtree(folder / name, ignore_errors=True)
    made = Path(shutil.copytree(EXAMPLES / name, folder / name, ignore=shutil.ignore_patterns("output", "__pycache__")))
    config = (made / "jor.cfg").read_text()
    assert "scheduler = local" in config
    (made / "jor.cfg").write_text(config.replace("scheduler = local", f"scheduler = {SCHEDULER}"))
    return made


def shorten(digits: Path) -> None:
    """Let a copy of the sweep over classifiers take two of its eight seeds."""
    todo = (digits / "todo.yaml").read_text()
    shorter = todo.replace("range(8)", "range(2)").replace("[0, 1, 2, 3, 4, 5, 6, 7]", "[0, 1]")
    assert shorter.count("range(2)") == shorter.count("[0, 1]") == 2
    (digits / "todo.yaml").write_text(shorter)


def try_basic(folder: Path) -> None:
    """Try the user's own example: two entries, three and four jobs."""
    basic = copy("basic", folder)
    jor(basic, "run", "--wait")
    expected = [f"example{n}/ind{i}.txt" for n in (3, 4) for i in range(n)]
    assert outputs(basic / "output") == expected, outputs(basic / "output")
    status = json.loads(jor(basic, "status", "--json"))
    assert status["counts"]["done"] == status["total"] == 7, status
    jor(basic, "collect")
    assert (basic / "output/example3/all.txt").read_text() == "".join(f"{{'index': {i}}}\n" for i in range(3))


def try_digits(folder: Path) -> None:
    """Try the sweep over classifiers (in CI in short): twice, for the same bytes."""
    jobs = 70 if "CI" in os.environ else 280
    tables = []
    for workers in ("2", "1")[: 1 if SCHEDULER == "slurm" else 2]:
        digits = copy("digits", folder)
        if "CI" in os.environ:
            shorten(digits)
        jor(digits, "run", "--wait", "--workers", workers)
        status = json.loads(jor(digits, "status", "--json"))
        assert status["counts"]["done"] == status["total"] == jobs, status["counts"]
        jor(digits, "collect")
        (table,) = digits.glob("output/*.csv")
        (plot,) = digits.glob("output/*.png")
        tables.append(table.read_bytes())
        assert plot.read_bytes().startswith(b"\x89PNG")
        assert tables[-1].count(b"\n") > 20
    assert len(set(tables)) == 1, "the collected table depends on the number of workers"


def try_notebook(folder: Path) -> None:
    """Try the notebook: every cell, from nothing but itself, and what its last ones show."""
    import nbformat  # not where the examples are tried on a cluster
    from nbclient import NotebookClient

    shutil.rmtree(folder / "notebook", ignore_errors=True)
    (folder / "notebook").mkdir()
    notebook = nbformat.read(EXAMPLES / "notebook/sweep.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook was committed with its outputs"
    print("$ jupyter execute sweep.ipynb", flush=True)
    NotebookClient(notebook, resources={"metadata": {"path": str(folder / "notebook")}}).execute()
    before, after, *_, table, left = [shown(cell) for cell in notebook.cells if shown(cell)]
    assert before.split() == ["entry", "done", "missing", "total", "jobs_walk", "0", "300", "300"], before
    assert after.split() == ["entry", "done", "missing", "total", "jobs_walk", "300", "0", "300"], after
    assert [line.split()[0] for line in table.splitlines()] == ["mean", "steps", "100", "400", "1600"], table
    assert left == "0", left


def shown(cell: dict[str, Any]) -> str:
    """Return the value that a cell of a notebook shows, as text; '' if it shows none."""
    values = [output["data"] for output in cell.get("outputs", []) if output["output_type"] == "execute_result"]
    return str(values[0]["text/plain"]) if values else ""


if __name__ == "__main__":
    try_basic(Path(sys.argv[1]))
    try_digits(Path(sys.argv[1]))
    if SCHEDULER == "local":
        try_notebook(Path(sys.argv[1]))
    print("The examples do what they promise.")
