"""Free ports of the loopback address."""

import socket

from recert.foundation.errors import RecertError


def free_port(wanted: int = 0) -> int:
    """The wanted port of the loopback address if nobody has it, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RecertError("There is no free port.")
