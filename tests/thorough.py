"""How much a test tries of what is too much for every run of the suite: some of it by day, all of it by night."""

import pytest

NIGHTLY = pytest.mark.nightly


def every(step: int) -> list:
    """Return the parameters of a test that goes through many places: by day each so-manieth, by night every one."""
    return [pytest.param(step, id=f"every-{step}"), pytest.param(1, id="every-one", marks=NIGHTLY)]
