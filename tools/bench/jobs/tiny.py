"""Jobs that write a number each, and may sleep before; jor 0.1.2 runs them as well."""

import os
import time

import jor


class Jobs(jor.JobsBase):
    """`n` jobs that sleep for `ms` milliseconds each."""

    name = "tiny"
    time = "0-00:10:00"
    mem = "50M"
    cpus_per_task = 1

    def __init__(self, n=3, ms=0, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.n = int(n)
        self.ms = int(ms)
        self._mk_jobs()

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(self.n)]

    def _get_output_folder(self):
        return os.path.join(self.path_prefix, "outputs")

    def _get_output_fname(self, index):
        return f"{index}.txt"

    def execute(self, i):
        """Sleep, and write the job's number."""
        if self.ms:
            time.sleep(self.ms / 1000)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(f"{i}\n")
