"""The embedded FTP server: one permission file, one port, one loop."""

import logging
import threading
from pathlib import Path
from types import TracebackType

from OpenSSL import SSL
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from recert.ftpserver.authorizer import make_authorizer
from recert.ftpserver.session import SecureSession, Session

_SWEEP_SECONDS = 0.2
_STOP_SECONDS = 0.05  # the longest wait before the loop looks whether it shall stop
_MAX_CONNECTIONS = 512

# pyftpdlib writes every command to stderr unless its logger has a handler.
logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
logging.getLogger("pyftpdlib").setLevel(logging.WARNING)


class EmbeddedServer:
    """FTP for the accounts of one permission file; with a certificate also explicit FTPS.

    `start` raises a ConnectorError when the permission file cannot be used. It may be started
    again after `stop`; with port 0 it then gets another port.
    """

    def __init__(
        self,
        permissions: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: Path | None = None,
        xferlog: Path | None = None,
    ) -> None:
        self._permissions = permissions
        self._address = (host, port)
        self._certificate = certificate
        self._xferlog = xferlog
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.port = port

    def start(self) -> None:
        """Serves from a thread of its own; connections are accepted when this returns."""
        server = self._open()
        self._thread = threading.Thread(
            target=self._run, args=(server,), name=f"ftp-{self.port}", daemon=True
        )
        self._thread.start()

    def serve_forever(self) -> None:
        """Serves from this thread until `stop` or an interrupt."""
        self._run(self._open())

    def stop(self) -> None:
        """Returns when every socket is closed. Twice does no harm."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None

    def __enter__(self) -> "EmbeddedServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _open(self) -> FTPServer:
        self._stopping.clear()
        session = self._session_class()
        server = FTPServer(self._address, session, ioloop=IOLoop.factory())
        server.max_cons = _MAX_CONNECTIONS
        server.ioloop.call_every(_SWEEP_SECONDS, _sweep, session)
        self.port = server.address[1]
        return server

    def _session_class(self) -> type[Session]:
        shared = {
            "authorizer": make_authorizer(self._permissions),
            "transfer_log": self._xferlog,
        }
        if self._certificate is None:
            return Session.configured(**shared)
        return SecureSession.configured(**shared, ssl_context=_tls(self._certificate))

    def _run(self, server: FTPServer) -> None:
        try:
            while not self._stopping.is_set():
                server.ioloop.loop(timeout=_STOP_SECONDS, blocking=False)
        finally:
            _close(server)


def _sweep(session: type[Session]) -> None:
    """A revocation ends live sessions and running transfers without waiting for a command."""
    session.authorizer.source.refresh()
    for one in tuple(session.sessions):
        one.sweep()


def _close(server: FTPServer) -> None:
    """Every socket, also those that pyftpdlib leaves open until the client says goodbye in TLS."""
    channels = list(server.ioloop.socket_map.values())
    server.close_all()
    for channel in channels:
        if channel.socket is not None:
            channel.socket.close()


def _tls(certificate: Path) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION)
    context.use_certificate_chain_file(str(certificate))
    context.use_privatekey_file(str(certificate))
    context.check_privatekey()
    return context
