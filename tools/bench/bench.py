"""Measure jor side by side with its peers: `python tools/bench/bench.py`; README.md tells how to read the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import machine
import report
import row_command
import row_files
import row_jobs
import row_slurm
import row_start
import row_status
from peers import Peers
from results import Measured
from sizes import FULL, QUICK, Sizes

#: What `--rows` selects among, in the order of the table.
ROWS = {
    "jobs": row_jobs.measure,
    "status": row_status.measure,
    "start": row_start.measure,
    "command": row_command.measure,
    "files": row_files.measure,
    "slurm": row_slurm.measure,
}


def main() -> None:
    """Measure the chosen rows, print the table, and save it."""
    arguments = _arguments()
    output = Path(arguments.output or tempfile.mkdtemp(prefix="jor-bench-"))
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jor-bench-work-") as scratch:
        work = Path(scratch).resolve()
        peers = Peers(work)
        measured = _measure(arguments.rows, _sizes(arguments), work, peers)
        facts = machine.facts(work) | peers.versions()
        report.save(measured, facts, output)
        print(report.as_text(measured, facts))
        print(f"\nSaved in {output}: bench.json, bench.md", flush=True)
        _say("deleting what was made")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="make everything small: a smoke test, not a measurement")
    parser.add_argument("--scale", type=int, help=f"outputs in one folder (default {FULL.outputs:,})")
    parser.add_argument("--jobs", type=int, help=f"local jobs (default {FULL.jobs:,})")
    parser.add_argument("--output", metavar="FOLDER", help="where to save the table (default: a new temporary folder)")
    return parser.parse_args()


def _sizes(arguments: argparse.Namespace) -> Sizes:
    sizes = QUICK if arguments.quick else FULL
    return sizes._replace(outputs=arguments.scale or sizes.outputs, jobs=arguments.jobs or sizes.jobs)


def _measure(rows: list[str], sizes: Sizes, work: Path, peers: Peers) -> list[Measured]:
    measured: list[Measured] = []
    peers.warm_up(work / "warm-up")
    for name, measure in ROWS.items():
        if name in rows:
            _say(f"measuring {name}")
            folder = work / name
            folder.mkdir()
            measured += measure(sizes, folder, peers)
    return measured


def _say(text: str) -> None:
    print(f"[bench] {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
