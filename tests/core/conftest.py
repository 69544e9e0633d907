"""Settings of all tests of jor-core."""

from __future__ import annotations

from hypothesis import settings

# No deadline: the machines are shared, and a slow example is no wrong one.
settings.register_profile("jor", max_examples=60, deadline=None)
settings.load_profile("jor")
