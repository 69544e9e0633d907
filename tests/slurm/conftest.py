"""Properties are about results: how long an example takes on a busy machine is none of them."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
