"""What must be read before a review is signed or believed stands on the first page."""

import io
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pypdf import PdfReader

from recert.campaigns.models import Campaign
from recert.evidence import verifier
from recert.evidence.package import warnings
from recert.evidence.package.summary import verifier_sha256
from recert.foundation import clock, secrets
from recert.inventory import service as inventory
from recert.people import service as people
from recert.trail.act import Act
from tests.support import packages
from tests.support.browser import Visitor
from tests.support.house import House

HEAD = "email,name,organisation,manager_email\n"


def changed_while_it_ran(house: House) -> int:
    """Alice gets another manager, and a folder another owner; its number."""
    campaign = house.launched()
    with house.db.transaction() as session:
        text = f"{HEAD}alice@house.example,Alice Archer,House,charlie@house.example\n"
        people.import_people(Act(session, house.officer, clock.now()), text)
        text = "server,folder,owner_email\nmain,/sales,bob@house.example\n"
        inventory.import_owners(Act(session, house.officer, clock.now()), text)
    return campaign


class TestWarnings:
    def test_people_and_owners_that_changed_while_it_ran_are_named(self, house: House) -> None:
        campaign = changed_while_it_ran(house)
        with house.db.reading() as session:
            found = warnings.warnings(session, session.get_one(Campaign, campaign))
        assert [one.kind for one in found] == ["people changed", "owners changed"]
        assert "alice@house.example: manager mona@house.example → charlie@house" in found[0].text
        assert "/sales on main: charlie@house.example → bob@house.example" in found[1].text
        assert all("olga@house.example" in one.text for one in found)

    def test_what_came_before_or_changes_nobody_is_no_warning(self, house: House) -> None:
        campaign = house.launched()
        with house.db.transaction() as session:
            text = "email,name,organisation\nalice@house.example,Alice B. Archer,House\n"
            people.import_people(Act(session, house.officer, clock.now()), text)
        with house.db.reading() as session:
            assert warnings.warnings(session, session.get_one(Campaign, campaign)) == []

    def test_they_stand_in_the_package_and_on_its_paper(self, house: House) -> None:
        contents = packages.files(house.export(changed_while_it_ran(house)))
        listed = json.loads(contents["campaign.json"])["warnings"]
        assert [one["kind"] for one in listed] == ["people changed", "owners changed"]
        first = PdfReader(io.BytesIO(contents["summary.pdf"])).pages[0].extract_text()
        assert "To be read first" in first
        assert "charlie@house.example" in first

    @pytest.mark.parametrize("keep", [0, 1])
    def test_the_verifier_misses_one_that_is_left_out(self, house: House, keep: int) -> None:
        package = house.export(changed_while_it_ran(house))
        verifier.check(str(package))
        contents = packages.files(package)
        about = json.loads(contents["campaign.json"])
        about["warnings"] = about["warnings"][:keep]
        contents["campaign.json"] = json.dumps(about).encode()
        key: Ed25519PrivateKey = secrets.signing_key(house.settings.keys)
        said = packages.refused(packages.forged(package, contents, key))
        assert said.startswith("campaign.json: warnings")

    def test_the_page_on_which_it_is_signed_shows_them(self, house: House) -> None:
        campaign = changed_while_it_ran(house)
        house.close(campaign)
        visitor = Visitor(house.app()).sign_in(house.user(house.officer))
        page = visitor.get(f"/campaigns/{campaign}")
        assert "Read this before you sign" in page
        assert "/sales on main" in page
        assert verifier_sha256() in page
