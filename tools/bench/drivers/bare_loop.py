"""The least that running jobs in processes of their own can cost in Python: fork, write a file, wait.

`python bare_loop.py KIND FOLDER JOBS WORKERS` prints the seconds from the first fork to the last end.
"""

import os
import sys
import time

from one_job import prepare, work


def run(kind, folder, indices):
    """Run one job after the other, each in a process, as one worker."""
    for index in indices:
        pid = os.fork()
        if pid == 0:
            try:
                work(kind, folder, index)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def main(kind, folder, jobs, workers):
    """Share the jobs out among the workers and wait for them."""
    prepare(kind)
    began = time.monotonic()
    pids = []
    for worker in range(workers):
        pid = os.fork()
        if pid == 0:
            run(kind, folder, range(worker, jobs, workers))
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    print(time.monotonic() - began)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
