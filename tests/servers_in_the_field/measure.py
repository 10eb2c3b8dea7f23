"""Prints what the real daemon gives in one case, in the form that its file wants."""

import sys
from collections.abc import Iterable
from pathlib import Path

from recert.connectors.rights import Rights
from tests.daemons.residents import new_place
from tests.servers_in_the_field.cases import Cell, read
from tests.servers_in_the_field.test_field import KINDS, Said, disagreement


def telling(cells: Iterable[Cell]) -> list[Cell]:
    """A handful: for each account and protocol each sort of rights once, "none" for those who
    cannot do anything anywhere, and for others where it was to be expected."""
    found: dict[tuple[str, str, Rights], Cell] = {}
    for cell in cells:
        found.setdefault((cell.account, cell.protocol, cell.rights), cell)
    return [*found.values()]


def main(paths: list[str]) -> None:
    for path in paths:
        case = read(Path(path))
        print(f"== {case.path.stem}")
        place = new_place(999)
        site = KINDS[case.kind](case, place)
        try:
            if not site.accepts():
                print("refused by the daemon")
                continue
            said = Said(site, site.connector().read())
            with site:
                tried = site.tried()
            for cell in telling(Cell(*key, rights) for key, rights in tried.items()):
                print(cell)
            if any(grant.widened for grant in said.grants.values()):
                print("widened")
            for key, rights in tried.items():
                if text := disagreement(said, *key, rights):
                    print("DIFFERS", text)
            print(*(f"problem: {one}" for one in said.problems), sep="\n")
            print(*(f"warning: {one}" for one in said.warnings), sep="\n")
        finally:
            site.emptied()


if __name__ == "__main__":
    main(sys.argv[1:])
