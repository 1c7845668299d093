"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples each time, and no time limit on one: a busy machine is no failure.
settings.register_profile("levelhead", derandomize=True, deadline=None)
settings.load_profile("levelhead")
