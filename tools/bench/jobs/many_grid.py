"""The same jobs as many_list.py lists, as a lazy product."""

import os

import jor


class Jobs(jor.JobsBase):
    """`n` jobs, a multiple of 1000."""

    name = "many"
    time = "0-00:10:00"
    mem = "50M"
    cpus_per_task = 1

    def __init__(self, n=1000, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.n = int(n)
        self._mk_jobs()

    def _mk_jobs(self):
        self._jobs = jor.grid(a=range(self.n // 1000), b=range(1000))

    def _get_output_folder(self):
        return os.path.join(self.path_prefix, "many")

    def _get_output_fname(self, a, b):
        return f"{a}_{b}.txt"

    def execute(self, i):
        """Write one byte."""
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("x")

    def collect(self):
        """Join nothing: what jor does before and after is measured."""
