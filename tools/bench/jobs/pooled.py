"""Jobs whose module imports what numeric.py imports, and starts a pool of threads, which no job uses."""

from concurrent.futures import ThreadPoolExecutor

import numeric

POOL = ThreadPoolExecutor(2)
POOL.submit(len, "").result()


class Jobs(numeric.Jobs):
    """`n` jobs."""
