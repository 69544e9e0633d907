"""Settings of all tests of jor-core."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: the machines are shared, and a slow example is no wrong one. In CI the same examples each time.
settings.register_profile("jor", max_examples=50, deadline=None, derandomize="CI" in os.environ)
settings.load_profile("jor")
