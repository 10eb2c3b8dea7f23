"""Every configuration of the corpus beside the real daemon and a plain client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recert.connectors.contract import AccountFact, ConnectorError, GrantFact, Reading
from recert.connectors.proftpd.configuration import directives
from recert.connectors.rights import Rights
from tests.daemons.conftest import as_root, clean_machine
from tests.daemons.residents import new_place
from tests.servers_in_the_field import cases
from tests.servers_in_the_field.cases import Case, of_kind, spelled
from tests.servers_in_the_field.openssh import OpensshSite
from tests.servers_in_the_field.proftpd import ProftpdSite
from tests.servers_in_the_field.pureftpd import PureftpdSite
from tests.servers_in_the_field.site import Site
from tests.servers_in_the_field.vsftpd import VsftpdSite

KINDS: dict[str, type[Site]] = {
    "proftpd": ProftpdSite,
    "openssh": OpensshSite,
    "vsftpd": VsftpdSite,
    "pureftpd": PureftpdSite,
}
CASES = [case for kind in KINDS for case in of_kind(kind)]

pytestmark = pytest.mark.daemon
__all__ = ["as_root", "clean_machine"]  # fixtures


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    case: Case = request.param
    place = new_place(CASES.index(case))
    built = None
    try:
        built = KINDS[case.kind](case, place)
        yield built
    finally:
        if built is not None:
            built.emptied()


class Said:
    """One reading, asked by labels and by paths below the site."""

    def __init__(self, site: Site, reading: Reading) -> None:
        self._site = site
        self.grants = {(one.account, one.folder): one for one in reading.grants}
        self.problems, self.warnings = reading.problems, reading.warnings
        self.folders = set(reading.folders)
        self.accounts: dict[str, AccountFact] = {one.name: one for one in reading.accounts}

    def grant(self, label: str, folder: str) -> GrantFact | None:
        path = Path(f"{self._site.place}{folder}")
        near = next((str(one) for one in (path, *path.parents) if str(one) in self.folders), "")
        return self.grants.get((self._site.accounts[label].name, near))


def disagreement(said: Said, label: str, protocol: str, folder: str, tried: Rights) -> str:
    """Recert must show what the client could do; more only where it says that it may be."""
    grant = said.grant(label, folder)
    shown = dict(grant.protocols).get(protocol, grant.rights) if grant else Rights.NONE
    if shown == tried or (grant and grant.widened and not tried & ~shown):
        return ""
    return (
        f"{label} {protocol} {folder}: the daemon gives {spelled(tried)}, Recert shows "
        f"{spelled(shown)} via {grant.via if grant else ()}, {said.accounts.get(label)}"
    )


def _id(case: Case) -> str:
    return f"{case.kind}/{case.path.stem}"


@pytest.mark.parametrize("site", CASES, indirect=True, ids=_id)
def test_the_daemon_a_client_and_recert_agree(site: Site) -> None:
    case = site.case
    if case.refused:
        assert not site.accepts(), "the daemon accepts what the case calls refused"
        with pytest.raises(ConnectorError) as raised:
            list(site.connector().read().grants)
        assert site.filled(case.refused) in str(raised.value)
        return
    said = Said(site, site.connector().read())
    with site:
        tried = site.tried()
    for cell in case.cells:
        real = tried[cell.account, cell.protocol, site.filled(cell.folder)]
        assert real == cell.rights, f"{cell}, but the daemon gives {spelled(real)}"
    hidden = {
        label
        for label in site.signed_in - set(case.unlisted)
        if not (fact := said.accounts.get(site.accounts[label].name)) or not fact.enabled
    }
    assert not hidden, f"they sign in, and Recert says that they cannot: {hidden}"
    wrong = [
        text
        for (label, protocol, folder), real in tried.items()
        if label not in case.unlisted
        and (text := disagreement(said, label, protocol, folder, real))
    ]
    assert not wrong, "\n".join([*wrong[:12], *said.problems, *said.warnings])
    _check_texts(site, said)


def _check_texts(site: Site, said: Said) -> None:
    case = site.case
    for text in case.partial:
        wanted = site.filled(text)
        assert any(wanted in one for one in said.problems), (wanted, said.problems)
    assert case.partial or not said.problems, said.problems
    for text in case.warnings:
        wanted = site.filled(text)
        assert any(wanted in one for one in said.warnings), (wanted, said.warnings)
    is_wide = any(grant.widened for grant in said.grants.values())
    assert case.widened == is_wide, [one for one in said.grants.values() if one.widened][:2]


def test_the_corpus_covers_the_field() -> None:
    """Each kind has its constructs, and each construct says what the daemon does."""
    for kind in KINDS:
        assert len(of_kind(kind)) >= 20
    for case in CASES:
        assert case.cells or case.refused, case.path


class TestDirectivesWithoutBearing:
    """What Recert passes over really changes nothing."""

    HARMLESS = Path(__file__).with_name("harmless_proftpd.conf")

    def _lines(self) -> list[str]:
        text = self.HARMLESS.read_text().partition("[plain]\n")[2]
        return [line for line in text.partition("[not measured]")[0].splitlines() if line]

    def test_no_cell_of_the_real_daemon_changes(self) -> None:
        base = cases.read(cases.HERE / "proftpd/overwrite_off.case")
        found = []
        for number, extra in enumerate(("", "\n".join(self._lines()) + "\n")):
            place = new_place(900 + number)
            base.files[""] = base.files[""].split("<Directory")[0] + extra
            site = ProftpdSite(base, place)
            try:
                with site:
                    found.append(site.tried())
            finally:
                site.emptied()
        assert found[0] == found[1]

    def test_each_is_measured_or_named_as_not(self) -> None:
        words = {line.split()[0].lower() for line in self._lines()}
        measured = {word for word in words if "<" not in word}
        assert measured <= directives.WITHOUT_BEARING.keys()
        named = set(self.HARMLESS.read_text().partition("[not measured]\n")[2].split())
        assert measured | named == set(directives.WITHOUT_BEARING)
