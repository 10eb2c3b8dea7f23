"""Every reader gets his own language and time zone."""

from sqlalchemy import select

from recert.campaigns.notifications import reviewer_mails
from recert.mail.models import OutboxMessage
from recert.people import service as people
from recert.trail.act import Act
from tests.support.house import House

ROWS = (
    "email,name,organisation,language,zone\n"
    "alice@house.example,Alice Archer,House,de-AT,America/New_York\n"
    "bob@house.example,Bob Brook,House,,\n"
)


def texts(house: House) -> dict[str, str]:
    with house.db.transaction() as session:
        people.import_people(Act(session, house.admin, house.now), ROWS)
    house.launched()
    reviewer_mails.send_due(house.db, house.head, now=house.now)
    with house.db.reading() as session:
        rows = session.execute(select(OutboxMessage.to_address, OutboxMessage.text))
        return {row[0].partition("@")[0]: " ".join(row[1].split()) for row in rows}


def test_german_in_new_york_and_english_in_berlin(house: House) -> None:
    found = texts(house)
    assert "Guten Tag Alice Archer" in found["alice"]
    assert "Bitte antworten Sie bis 7. Dezember 2026, 07:00 Uhr EST" in found["alice"]
    assert "Dateinamen sehen" in found["alice"]
    assert "Due 7 December 2026, 13:00 CET" in found["bob"]
