"""Who gets no data connection over FTP.

The daemon judges PASV and its kin by the folder in which the session stands. A bare DenyAll there
refuses them, so without a folder to go to nothing can be listed or transferred at all.
"""

from collections.abc import Mapping

from recert.connectors.posix.permissions.scan import Tree
from recert.connectors.proftpd.access.command_filter import Screen, is_shut


def cut_off(screen: Screen, homes: Mapping[int, str], roots: Mapping[int, str], tree: Tree) -> int:
    """The accounts (their bits) whose first folder is shut, and that can go to none that is
    open."""
    closed = 0
    for view in screen.views:
        for account, home in homes.items():
            if view.accounts & account and is_shut(screen.sections(view, home).itself):
                closed |= account
    if not closed:
        return 0
    for folder in tree.folders:
        for view in screen.views:
            section = screen.sections(view, folder.path).itself
            if not view.accounts & closed or is_shut(section):
                continue
            goes = screen.judge.may(section, "CWD", "DIRS").allowed & view.accounts & closed
            for account, root in roots.items():
                if goes & account and f"{folder.path}/".startswith(f"{root.rstrip('/')}/"):
                    closed &= ~account
    return closed
