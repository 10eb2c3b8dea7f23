"""Why a directory cannot be reached: the LDAP library reports every failure of TLS as "server
down", so this asks again with plain sockets and Python's own TLS."""

import socket
import ssl
from pathlib import Path

from recert.people.sources.ldap_profiles import LdapSettings

# The extended request 1.3.6.1.4.1.1466.20037 (RFC 4511, 4.14) as message 1.
_START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"
_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_CA = {2, 18, 19, 20, 21}
_OTHER_NAME = {62, 63, 64}


def why_unreachable(settings: LdapSettings) -> str:
    """One sentence with the cause and the next step, from a connection of its own."""
    where = f"{settings.host}:{settings.port}"
    try:
        found = socket.create_connection((settings.host, settings.port), settings.seconds)
    except TimeoutError:
        return f"{where} does not answer within {settings.seconds:g} s: check host, port, firewall."
    except socket.gaierror:
        return f"The name {settings.host} is not known to DNS: check url."
    except OSError as error:
        return f"{where} refuses the connection ({error.strerror or error}): is it running there?"
    with found:
        found.settimeout(settings.seconds)
        try:
            return _handshake(found, settings)
        except TimeoutError:
            return f"{where} accepts connections and then is silent: look at the directory itself."
        except OSError as error:
            return f"{where} ends the connection ({error.strerror or error})."


def _handshake(found: socket.socket, settings: LdapSettings) -> str:
    where = f"{settings.host}:{settings.port}"
    if not settings.is_tls:
        if not settings.start_tls:
            return f"{where} accepts connections and does not answer LDAP requests in time."
        found.sendall(_START_TLS)
        answer = found.recv(4096)
        if not answer:
            return f"{where} ends the connection when asked for TLS: use ldaps:// or another port."
        if b"\x0a\x01\x00" not in answer:  # resultCode success
            return f"{where} refuses StartTLS: use ldaps:// or give the directory a certificate."
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        return f"ca_file {settings.ca_file} cannot be used: {error.strerror or error}."
    try:
        with context.wrap_socket(found, server_hostname=settings.host):
            return f"{where} speaks TLS but does not answer LDAP requests in time."
    except ssl.SSLCertVerificationError as error:
        return _certificate_problem(error, settings)
    except ssl.SSLError as error:
        return f"{where} does not speak TLS here ({error.reason or error}): check url and port."


def _certificate_problem(error: ssl.SSLCertVerificationError, settings: LdapSettings) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return f"The certificate of {settings.host} has expired: renew it in the directory."
    if code == _NOT_YET:
        return f"The certificate of {settings.host} is not valid yet: check both clocks."
    if code in _OTHER_NAME:
        return (
            f"The certificate is of another host than {settings.host}: put the name that stands in "
            "the certificate into url."
        )
    if code in _UNKNOWN_CA:
        return (
            f"The certificate of {settings.host} is signed by an authority that is not trusted: "
            "export its CA certificate as PEM and name the file in ca_file."
        )
    return f"The certificate of {settings.host} is refused: {error.verify_message}."


def ca_file_problem(settings: LdapSettings) -> str:
    """Why the file of trusted authorities cannot be used; "" when it can, or when none is set."""
    if not settings.ca_file:
        return ""
    if not Path(settings.ca_file).is_file():
        return f"ca_file names {settings.ca_file}, and there is no such file."
    try:
        ssl.create_default_context(cafile=settings.ca_file)
    except OSError:
        return f"ca_file {settings.ca_file} holds no certificate in PEM form that we can read."
    return ""
