"""A finished campaign and its package."""

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.campaigns.notifications import reviewer_mails
from recert.connectors.rights import Rights
from recert.foundation import secrets
from tests.support.databases import Template
from tests.support.house import House

INBOX = "/finance/inbox"


def played(house: House) -> int:
    """A whole campaign with every kind of answer, signed off; its number."""
    campaign = house.launched()
    reviewer_mails.send_due(house.db, house.head, now=house.now)
    house.decide("pia", INBOX, Reply(Answer.KEEP))
    house.decide("pia", INBOX, Reply(Answer.REVOKE, reason='=cmd|" /C calc"!A0\r\n"über", 日本'))
    house.decide("batch", INBOX, Reply(Answer.REDUCE, Rights.LIST, reason="'=quoted"))
    house.decide("bob", INBOX, Reply(Answer.NOT_MINE, reason="@Bob"))
    house.decide_all("lea", "/finance", Reply(Answer.KEEP, reason="-1: still needed"))
    house.decide("seller", "/sales", Reply(Answer.KEEP), by="charlie")
    house.finish("alice")
    house.carry_out()
    house.close(campaign)
    house.sign_off(campaign, "+ Seen & agreed by the board.")
    return campaign


@pytest.fixture(scope="session")
def finished(
    migrated: Template, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Ed25519PrivateKey]:
    """The package of a campaign that was played to its end, made once, and the key that sealed."""
    folder = tmp_path_factory.mktemp("finished")
    with migrated.copy(folder) as db, House(db, folder) as house:
        return house.export(played(house)), secrets.signing_key(house.settings.keys)


@pytest.fixture
def package(finished: tuple[Path, Ed25519PrivateKey], tmp_path: Path) -> Path:
    """A copy to do bad things with."""
    return Path(shutil.copy(finished[0], tmp_path / "copy.zip"))


@pytest.fixture
def key(finished: tuple[Path, Ed25519PrivateKey]) -> Ed25519PrivateKey:
    """The key that sealed it."""
    return finished[1]
