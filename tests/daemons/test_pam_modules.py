"""What Recert records about PAM's modules beside what libpam does, asked through vsftpd."""

import shutil
from collections.abc import Iterator

import pytest

from recert.connectors.posix.pam.modules import CONSTANT, IGNORE, JUDGES, SUCCESS
from tests.daemons.conftest import as_root, clean_machine
from tests.daemons.residents import new_place
from tests.servers_in_the_field.cases import HERE, Case
from tests.servers_in_the_field.vsftpd import VsftpdSite

pytestmark = pytest.mark.daemon
__all__ = ["as_root", "clean_machine"]  # fixtures

# Modules whose arguments are judged, and the cases of the corpus that hold them to the daemon.
IN_THE_CORPUS = {
    "pam_unix.so": "common_stack",
    "pam_shells.so": "nologin_shell",
    "pam_listfile.so": "listfile_missing_onerr_succeed",
    "pam_userdb.so": "userdb_guests",
    "pam_pwdfile.so": "pwdfile_guests",
    "pam_succeed_if.so": "succeed_if",
    "pam_deny.so": "jump_to_nothing",
    "pam_permit.so": "guests_by_permit",
    "pam_lastlog.so": "common_stack",
}


@pytest.fixture
def site() -> Iterator[VsftpdSite]:
    case = Case(HERE / "vsftpd/none.case")
    case.files[""] = "local_enable=YES\nanonymous_enable=NO\nmax_login_fails=9\n"
    place = new_place(951)
    built = VsftpdSite(case, place)
    try:
        with built:
            yield built
    finally:
        built.emptied()
        shutil.rmtree(place, ignore_errors=True)


def lets_in(site: VsftpdSite, *lines: str) -> bool:
    site.services[0].write_text("".join(f"{line}\n" for line in lines))
    client = site.sign_in(site.accounts["acc1"], "ftp")
    if client is not None:
        client.close()
    return client is not None


def test_each_understood_module_is_measured() -> None:
    assert JUDGES.keys() == IN_THE_CORPUS.keys()
    for module, name in IN_THE_CORPUS.items():
        assert module in (HERE / f"vsftpd/{name}.case").read_text()
    assert all(why and code in (SUCCESS, IGNORE) for code, why in CONSTANT.values())


def test_modules_of_one_answer_give_it(site: VsftpdSite) -> None:
    """In a stack where any other answer is a refusal, they do not refuse."""
    for (kind, module), (code, _why) in CONSTANT.items():
        strict = f"{kind} [{code}=ignore default=bad] {module}"
        last = [f"{one} required pam_permit.so" for one in ("auth", "account")]
        assert lets_in(site, strict, *last), (kind, module)


def test_what_is_passed_over_is_no_yes(site: VsftpdSite) -> None:
    assert not lets_in(site, "auth required pam_warn.so", "account required pam_permit.so")
