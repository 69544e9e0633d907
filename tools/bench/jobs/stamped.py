"""A job module that writes down when it is loaded, by the clock that all processes of the machine share."""

import time

NOW = time.monotonic()

import os  # noqa: E402 # after the clock was read

import jor  # noqa: E402

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "loaded.txt"), "w") as stamp:
    stamp.write(str(NOW))


class Jobs(jor.JobsBase):
    """One job."""

    name = "stamped"
    mem = "50M"

    def _mk_jobs(self):
        self._jobs = [{"index": 0}]

    def execute(self, i):
        """Write the job's number."""
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(f"{i}\n")
