"""The page of the register of emergency accounts."""

from tests.support.browser import Visitor, visible
from tests.support.house import House

PAGE = "/servers/emergency-accounts"


def test_an_administrator_marks_and_ends(house: House, admin: Visitor, auditor: Visitor) -> None:
    house.snapshot()
    assert "No emergency account is marked." in visible(admin.get(PAGE))
    admin.post(PAGE, server=1, account="batch", reason="Outages.")
    assert "batch main Outages. marked by adam@house.example" in visible(admin.get(PAGE))
    text = visible(auditor.get(PAGE))
    assert "batch main" in text
    assert "Mark as emergency account" not in text
    admin.get(PAGE)
    admin.post(f"{PAGE}/1/end")
    assert "unmarked by adam@house.example" in visible(admin.get(PAGE))


def test_what_is_wrong_is_named_and_kept(house: House, admin: Visitor) -> None:
    house.snapshot()
    admin.get(PAGE)
    page = admin.post(PAGE, 422, server=1, account="nobody", reason="Keep me.")
    assert "has no account" in visible(page)
    assert 'value="Keep me."' in page
