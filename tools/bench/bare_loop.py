"""The least that running jobs in processes of their own can cost in Python: fork, write a file, wait.

`python bare_loop.py FOLDER JOBS WORKERS` prints the seconds from the first fork to the last end.
"""

import os
import sys
import time


def work(folder, indices):
    """Run one job after the other, each in a process, as one worker."""
    for index in indices:
        pid = os.fork()
        if pid == 0:
            try:
                with open(os.path.join(folder, f"{index}.txt"), "w") as file:
                    file.write(f"{index}\n")
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def main(folder, jobs, workers):
    """Share the jobs out among the workers and wait for them."""
    os.makedirs(folder)
    began = time.monotonic()
    pids = []
    for worker in range(workers):
        pid = os.fork()
        if pid == 0:
            work(folder, range(worker, jobs, workers))
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    print(time.monotonic() - began)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
