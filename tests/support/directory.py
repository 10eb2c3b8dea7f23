"""A directory of people like eDirectory: Debian's OpenLDAP with its attributes, and accounts that
may read all, less, or only so many entries."""

import base64
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import ldap
from ldap.dn import escape_dn_chars

from recert.foundation import clock
from recert.ftpserver.certificate import self_signed_certificate
from tests.support.slapd import ADMIN, PASSWORD, PLACE, READER, SUFFIX, SlapdServer

PEOPLE = f"ou=people,{SUFFIX}"
BLIND = f"cn=blind,{SUFFIX}"  # may not read loginDisabled
CAPPED = f"cn=capped,{SUFFIX}"  # gets so many entries and no more, also by pages
CAP = 7
ATTRIBUTES = {
    "loginDisabled": "1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE",
    "loginExpirationTime": "1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE",
    "workforceID": "1.3.6.1.4.1.1466.115.121.1.15",
    "employeeStatus": "1.3.6.1.4.1.1466.115.121.1.15",
    "GUID": "1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE",
    "fullName": "1.3.6.1.4.1.1466.115.121.1.15",
    "company": "1.3.6.1.4.1.1466.115.121.1.15",
    "userAccountControl": "1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE",
    "accountExpires": "1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE",
}
_EQUALITY = {
    "7": "booleanMatch",
    "24": "generalizedTimeMatch",
    "15": "caseIgnoreMatch",
    "40": "octetStringMatch",
    "27": "integerMatch",
}


def schema() -> str:
    """The attributes of eDirectory and Active Directory that OpenLDAP does not have."""
    lines = []
    for number, (name, syntax) in enumerate(ATTRIBUTES.items(), start=1):
        match = _EQUALITY[syntax.split()[0].rpartition(".")[2]]
        lines.append(
            f"attributetype ( 1.3.6.1.4.1.99999.1.{number} NAME '{name}' EQUALITY {match} "
            f"SYNTAX {syntax} )"
        )
    names = " $ ".join((*ATTRIBUTES, "manager", "mail", "ou", "employeeType"))
    lines.append(
        f"objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'ndsPerson' SUP top AUXILIARY MAY ( {names} ) )"
    )
    return "\n".join(lines) + "\n"


def guid(name: str) -> bytes:
    """The sixteen octets that belong to one entry for ever."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, name).bytes


def dn(name: str) -> str:
    return f"cn={escape_dn_chars(name)},{PEOPLE}"


@dataclass(frozen=True)
class Someone:
    """One person of the directory."""

    cn: str
    mail: str = ""
    manager: str = ""  # the cn of theirs
    department: str = ""
    key: str = ""  # what the GUID is made of; empty: the cn
    more: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, list[bytes]]:
        found: dict[str, Any] = {
            "objectClass": ["inetOrgPerson", "ndsPerson"],
            "cn": [self.cn],
            "sn": [self.cn.split()[-1]],
            "mail": [self.mail] if self.mail else [],
            "manager": [dn(self.manager)] if self.manager else [],
            "ou": [self.department] if self.department else [],
            **{name: [text] for name, text in self.more.items()},
        }
        values = {name: [one.encode() for one in many] for name, many in found.items() if many}
        return {**values, "GUID": [guid(self.key or self.cn)]}

    def ldif(self) -> str:
        lines = [f"dn:: {base64.b64encode(dn(self.cn).encode()).decode()}"]
        lines += [
            f"{name}:: {base64.b64encode(value).decode()}"
            for name, many in self.values().items()
            for value in many
        ]
        return "\n".join(lines) + "\n\n"


def cast() -> list[Someone]:
    """Alice and Bob work for Mona, Lea is disabled."""
    return [
        Someone("Mona Mill", "mona@firm.example", department="Board"),
        Someone("Alice Archer", "alice@firm.example", "Mona Mill", "Finance"),
        Someone("Bob Brook", "bob@firm.example", "Mona Mill", "Finance"),
        Someone("Lea Left", "lea@firm.example", "Mona Mill", more={"loginDisabled": "TRUE"}),
    ]


def many(count: int) -> list[Someone]:
    return [Someone(f"Person {n}", f"p{n}@firm.example", "Mona Mill") for n in range(count)]


_ACCOUNTS = "".join(
    f"dn: {name}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
    f"cn: {name[3:].partition(',')[0]}\nuserPassword: {PASSWORD}\n\n"
    for name in (BLIND, CAPPED)
)


class DirectoryServer(SlapdServer):
    """`url` and `tls_url` reach it; `change` writes to it as its administrator."""

    def __init__(
        self, people: list[Someone] | None = None, *, host: str = "127.0.0.1", expired: bool = False
    ) -> None:
        self._host, self._expired = host, expired
        entries = "".join(one.ldif() for one in (cast() if people is None else people))
        super().__init__(_ACCOUNTS + entries)

    def _certificate(self) -> Path:
        path = self.folder / "certificate.pem"
        if not self._expired:
            return self_signed_certificate(path, self._host)
        with clock.frozen(clock.now() - timedelta(days=2000)):
            return self_signed_certificate(path, self._host)

    def _configuration(self, size_limit: int) -> str:
        (self.folder / "nds.schema").write_text(schema())
        names = ("core", "cosine", "inetorgperson")
        includes = "".join(f"include {PLACE}/etc/ldap/schema/{name}.schema\n" for name in names)
        return (
            f"{includes}include {self.folder}/nds.schema\n"
            f"modulepath {PLACE}/usr/lib/ldap\nmoduleload back_mdb\n"
            f"TLSCertificateFile {self.certificate}\nTLSCertificateKeyFile {self.certificate}\n"
            f"pidfile {self.folder}/pid\nsizelimit {size_limit}\n"
            f"database mdb\ndirectory {self.folder}/data\nsuffix {SUFFIX}\nmaxsize 1073741824\n"
            f"rootdn {ADMIN}\nrootpw {PASSWORD}\n"
            f"index objectClass,mail,cn,GUID eq\n"
            f"limits dn.exact={READER} size.soft=500 size.hard=500 size.prtotal=unlimited\n"
            f"limits dn.exact={BLIND} size.prtotal=unlimited\n"
            f"limits dn.exact={CAPPED} size.soft={CAP} size.hard={CAP} size.prtotal={CAP}\n"
            "access to attrs=userPassword by anonymous auth by * none\n"
            f"access to attrs=loginDisabled by dn.exact={BLIND} none by users read by * none\n"
            "access to * by users read by * none\n"
        )

    @property
    def secret(self) -> Path:
        """The file with the password of the accounts that read."""
        path = self.folder / "secret"
        path.write_text(PASSWORD + "\n")
        path.chmod(0o600)
        return path

    def settings(self, **more: str) -> dict[str, str]:
        """How Recert reads it."""
        return {
            "profile": "edirectory",
            "url": self.url,
            "base": PEOPLE,
            "bind_dn": READER,
            "ca_file": str(self.certificate),
            "organisation": "Firm",
            "seconds": "3",
            **more,
        }

    def _admin(self) -> Any:
        connection = ldap.initialize(self.url)
        connection.simple_bind_s(ADMIN, PASSWORD)
        return connection

    def add(self, *people: Someone) -> None:
        for one in people:
            self._admin().add_s(dn(one.cn), list(one.values().items()))

    def remove(self, *names: str) -> None:
        for name in names:
            self._admin().delete_s(dn(name))

    def change(self, name: str, **values: str | None) -> None:
        """Sets attributes of one person, or takes them away (None)."""
        for attribute, text in values.items():
            new = None if text is None else [text.encode()]
            with suppress(ldap.NO_SUCH_ATTRIBUTE):
                self._admin().modify_s(dn(name), [(ldap.MOD_REPLACE, attribute, new)])

    def rename(self, name: str, new: str) -> None:
        self._admin().rename_s(dn(name), f"cn={escape_dn_chars(new)}", delold=True)
