"""Debian's OpenLDAP on loopback, in a folder of its own, gone at the end."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from recert.ftpserver.certificate import self_signed_certificate
from tests.daemons.rigs import DAEMONS
from tests.daemons.running import Daemon, free_port

PLACE = DAEMONS / "slapd"
PUREFTPD_SCHEMA = DAEMONS / "pureftpd/usr/share/doc/pure-ftpd-common/pureftpd.schema"
NEEDED = "OpenLDAP is missing. Run: make setup-test"
SUFFIX = "dc=firm,dc=de"
ADMIN, PASSWORD = f"cn=admin,{SUFFIX}", "secret"
READER = f"cn=reader,{SUFFIX}"  # may see everything but passwords
ENVIRONMENT = {"LD_LIBRARY_PATH": str(PLACE / "usr/lib/x86_64-linux-gnu")}
_HEAD = f"""
dn: {SUFFIX}
objectClass: organization
objectClass: dcObject
o: Firm
dc: firm

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {PASSWORD}

dn: ou=people,{SUFFIX}
objectClass: organizationalUnit
ou: people

"""


class SlapdServer:
    """`entries` is LDIF text of what lies below ou=people."""

    def __init__(self, entries: str, *, size_limit: int = 500) -> None:
        assert PLACE.is_dir(), NEEDED
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="recert-slapd-"))
        (self.folder / "data").mkdir()
        self.certificate = self._certificate()
        config = self.folder / "slapd.conf"
        config.write_text(self._configuration(size_limit))
        program = str(PLACE / "usr/sbin/slapd")
        (self.folder / "entries.ldif").write_text(_HEAD + entries)
        subprocess.run(
            [program, "-T", "add", "-f", str(config), "-l", str(self.folder / "entries.ldif")],
            env=ENVIRONMENT,
            check=True,
            capture_output=True,
        )
        command = [program, "-f", str(config), "-h", self.url, "-d", "0"]
        self._daemon = Daemon(command, [self.port], self.folder / "log", ENVIRONMENT)

    def _certificate(self) -> Path:
        return self_signed_certificate(self.folder / "certificate.pem", "127.0.0.1")

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def _configuration(self, size_limit: int) -> str:
        schemas = (PLACE / f"etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "nis"))
        includes = "".join(f"include {path}\n" for path in (*schemas, PUREFTPD_SCHEMA))
        return (
            f"{includes}modulepath {PLACE}/usr/lib/ldap\nmoduleload back_mdb\n"
            f"TLSCertificateFile {self.certificate}\nTLSCertificateKeyFile {self.certificate}\n"
            f"pidfile {self.folder}/pid\nsizelimit {size_limit}\n"
            f"database mdb\ndirectory {self.folder}/data\nsuffix {SUFFIX}\n"
            f"rootdn {ADMIN}\nrootpw {PASSWORD}\n"
            "access to attrs=userPassword by anonymous auth by * none\n"
            "access to * by users read by anonymous read\n"
        )

    def __enter__(self) -> Self:
        self._daemon.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._daemon.stop()
        shutil.rmtree(self.folder)
