"""Leave in the working directory what so many runs of a list leave that grows by one job: python growing_list.py RUNS.

Each is planned and recorded as `jor run` does it, one job each, but all by this process: no worker is started.
"""

import os
import sys
import time
from functools import partial
from pathlib import Path

from jor.planning.planner import construct_here, make_submission, survey
from jor.runs.store import write
from jor.runtime.events import VERSION, Begin, Claim, End, Over
from jor.runtime.journal import Journal
from jor.runtime.loading import ModuleLoader
from jor.runtime.process_id import Owner
from jor.settings.config import read_config
from jor.todo.reader import make_entry
from jor_cli.actions.planning import planning

MODULE = """\
import os

import jor


class Jobs(jor.JobsBase):
    name = "outputs"

    def _mk_jobs(self):
        self._jobs = [{"i": i} for i in range(os.path.getsize("count"))]

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("x")
"""


def main() -> None:
    """Make the project, and the runs."""
    Path("growing.py").write_text(MODULE)
    Path("todo.yaml").write_text("jobs:\n- jobmodule: growing.py\n")
    entry, config, modules = make_entry(os.path.abspath("growing.py"), ""), read_config({}, "."), ModuleLoader()
    for count in range(1, int(sys.argv[1]) + 1):
        Path("count").write_bytes(b"x" * count)
        (found,) = survey([entry], config, construct=partial(construct_here, modules))
        with planning(found, lambda _batches: [], lambda _text: None) as (now, lease):
            submitted = write(make_submission(now, [count - 1]), now.jobs, [count - 1], lease)
        journal = Journal(submitted.run.journal(0), Claim(VERSION, str(Owner.current())))
        journal.note(Begin(count - 1, time.time(), log=(0, 0)))
        Path(now.output(count - 1)).write_text("x")
        journal.note(End(count - 1, 0.01, 2**20, 0, log=(0, 0)))
        journal.write(Over(done=1))
        journal.close()
        Path(submitted.run.log(0)).touch()
        submitted.lease.release()


main()
