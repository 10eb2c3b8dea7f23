"""Real daemons: skipped without root (only root can make users and run them), summed up at the
end."""

import os
from collections.abc import Iterator

import pytest

from tests.daemons.differential import Tally
from tests.daemons.residents import forget_dead_runs

NEEDS_ROOT = "tests/daemons make system users and start servers: run them as root"


@pytest.fixture(scope="session", autouse=True)
def clean_machine() -> None:
    if os.geteuid() == 0:
        forget_dead_runs()


@pytest.fixture(autouse=True)
def as_root() -> None:
    """Without root these tests cannot run. A continuous build must not overlook that."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail(NEEDS_ROOT)
        pytest.skip(NEEDS_ROOT)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """What the test compared; told to the main process, which adds up."""
    counted = Tally()
    yield counted
    facts = {key: value for key, value in vars(counted).items() if key != "refusals"}
    facts["refusals"] = dict(counted.refusals)
    request.node.user_properties.append(("daemon", [request.module.KIND, facts]))
