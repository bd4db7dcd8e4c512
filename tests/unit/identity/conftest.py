"""Properties are about what holds, not about how fast this machine is today."""

import pytest
from hypothesis import settings

from fakes.house import House, make_house

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture
def house() -> House:
    return make_house()
