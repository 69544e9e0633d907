"""Jobs of some milliseconds."""

import time

import jor


class Jobs(jor.JobsBase):
    """Jobs that sleep for `ms` milliseconds and write a few bytes."""

    name = "short"
    time = "10"

    def __init__(self, n=10, ms=5, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.seconds = ms / 1000
        self._jobs = jor.grid(i=range(n))

    def execute(self, i):
        """Sleep, and write the output."""
        time.sleep(self.seconds)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("x")
