"""Measure jor side by side with its peers: `python tools/bench/bench.py`; README.md tells how to read the table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import machine
import report
import row_command
import row_files
import row_fsync
import row_isolation
import row_jobs
import row_metadata
import row_runs
import row_scale
import row_seeds
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
    "runs": row_runs.measure,
    "fsync": row_fsync.measure,
    "seeds": row_seeds.measure,
    "isolation": row_isolation.measure,
    "metadata": row_metadata.measure,
    "scale": row_scale.measure,
    "slurm": row_slurm.measure,
}


def main() -> None:
    """Measure the chosen rows, print the table, and save it."""
    arguments = _arguments()
    output = Path(arguments.output or tempfile.mkdtemp(prefix="jor-bench-"))
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jor-bench-work-") as scratch:
        work = Path(scratch).resolve()
        os.environ["XDG_CACHE_HOME"] = str(work / "cache")  # jor's, and nobody else's
        peers = Peers(work)
        measured: list[Measured] = []
        peers.warm_up(work / "warm-up")
        for name in arguments.rows:
            _say(f"measuring {name}")
            (work / name).mkdir()
            measured += ROWS[name](_sizes(arguments), work / name, peers)
            facts = machine.facts(work) | peers.versions()
            report.save(measured, facts, output)  # already: what comes next may fail
        print(report.as_text(measured, facts))
        print(f"\nSaved in {output}: bench.json, bench.md", flush=True)
        _say("deleting what was made")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="make everything small: a smoke test, not a measurement")
    parser.add_argument("--outputs", type=int, help=f"outputs in the folder of row status (default {FULL.outputs:,})")
    parser.add_argument("--output", metavar="FOLDER", help="where to save the table (default: a new temporary folder)")
    return parser.parse_args()


def _sizes(arguments: argparse.Namespace) -> Sizes:
    sizes = QUICK if arguments.quick else FULL
    return sizes._replace(outputs=arguments.outputs or sizes.outputs)


def _say(text: str) -> None:
    print(f"[bench] {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
