"""What a collection tells of jobs that Slurm has ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from jor.runtime.events import VERSION, Begin, Claim
from jor.runtime.journal import Journal
from jor.runtime.run_folder import Run

from ...slurm.played import PlayedSlurm


def test_note_tells_why_slurm_has_ended_a_job(measured: Path, jor: Callable[..., str], slurm: PlayedSlurm) -> None:
    (output,) = measured.glob("output/example3/ind1.txt")
    output.unlink()
    folder = max(measured.glob("output/example3/.jor/*/runs/*"))
    run = Run(str(folder))
    Path(run.journal(0)).unlink()
    journal = Journal(run.journal(0), Claim(VERSION, "node0~0123abcd.42~17~99", job_id="512_0"))
    journal.write(Begin(1, 1_772_452_800.0, log=(0, 0)))
    journal.close()
    slurm.add("jor-one", tasks="0", number=512, state="CANCELLED")
    jor("collect", "jobs_example(n=3)")
    (note,) = measured.glob("output/example3/.jor/*/collected.json")
    why = "was cancelled"
    assert json.loads(note.read_text())["missing"] == [
        {"status": "interrupted", "reason": why, "count": 1, "jobs": [[1, 1]]}
    ]
