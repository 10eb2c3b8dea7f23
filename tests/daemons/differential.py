"""Recert's opinion beside what a real client could do, cell by cell; then changes, and undo.

A cell is one folder of one account. Every random decision follows from the seed of the world.
"""

import difflib
import random
import subprocess
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from recert.connectors import registry
from recert.connectors.changes import LeaveGroup, SetRights
from recert.connectors.contract import CannotExpress, Connector, GrantFact, Plan, Standing
from recert.connectors.rights import Rights, names, say
from tests.daemons.acls import look
from tests.daemons.rigs import Cells, Rig

REVOCATIONS = 4
MEMBERSHIPS = 5  # tried until one can be left
DEEPEST = 2  # changes on top of each other before the first is taken back
CARELESS = 0.5  # how often a plan with side effects is approved


@dataclass
class Tally:
    """What one kind's tests compared, for the last lines of the session."""

    cells: int = 0
    wrong: int = 0
    widened: int = 0  # said to be too much, and by the grant itself
    revocations: int = 0
    undone: int = 0
    declined: int = 0
    side_effects: int = 0
    left: int = 0  # groups that an account left
    refusals: Counter[str] = field(default_factory=Counter)


class Opinion:
    """One reading of a connector, spread over every folder of the world."""

    def __init__(self, connector: Connector, folders: Iterable[Path], accounts: set[str]) -> None:
        reading = connector.read()
        self.grants: dict[tuple[str, str], GrantFact] = {}
        for grant in reading.grants:
            if grant.account in accounts:
                self.grants[grant.account, grant.folder] = grant
        assert not reading.problems, reading.problems
        self.warnings = reading.warnings
        self.boundaries = set(reading.folders)
        self.accounts = {one.name: one for one in reading.accounts}
        self.folders = [str(folder) for folder in folders]

    def boundary_of(self, folder: str) -> str | None:
        """The nearest boundary at or above the folder."""
        place = Path(folder)
        return next(
            (str(one) for one in (place, *place.parents) if str(one) in self.boundaries), None
        )

    def grant(self, account: str, folder: str) -> GrantFact | None:
        boundary = self.boundary_of(folder)
        return None if boundary is None else self.grants.get((account, boundary))

    def rights(self, account: str, folder: str, listener: str | None = None) -> Rights:
        grant = self.grant(account, folder)
        if grant is None:
            return Rights.NONE
        return dict(grant.protocols).get(listener or "either", grant.rights)

    def cells(self, accounts: Collection[str], listener: str | None = None) -> Cells:
        return {
            (account, folder): self.rights(account, folder, listener)
            for account in accounts
            for folder in self.folders
        }

    def refused(self, accounts: Iterable[str]) -> set[str]:
        """Accounts that cannot sign in, or that Recert does not know."""
        return {
            one for one in accounts if one not in self.accounts or not self.accounts[one].enabled
        }

    def region(self, folder: str) -> list[str]:
        """The folder and those below it that behave like it."""
        boundary = self.boundary_of(folder)
        return [
            one
            for one in self.folders
            if (one == folder or one.startswith(f"{folder}/")) and self.boundary_of(one) == boundary
        ]


def everything(
    connector: Connector, accounts: Collection[str], below: str = "/"
) -> dict[str, object]:
    """A whole reading about these accounts and folders, to compare with another one. (Tests that
    run beside this one make accounts with homes on the machine as well.)"""
    found = connector.read(set(accounts))
    pairs = {(one.name, who) for one in found.groups for who in one.members if who in accounts}
    return {
        "accounts": sorted(found.accounts, key=lambda one: one.name),
        "groups": sorted(pairs),
        "folders": [one for one in found.folders if is_at_or_below(one, below)],
        "grants": sorted(
            (one for one in found.grants if is_at_or_below(one.folder, below)),
            key=lambda one: (one.folder, one.account),
        ),
        "problems": found.problems,
        "warnings": found.warnings,
    }


def is_at_or_below(folder: str, top: str) -> bool:
    return folder == top or folder.startswith(top.rstrip("/") + "/")


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else [value]


class Differential:
    """One world of one kind, with its daemon running."""

    def __init__(self, rig: Rig, tally: Tally, seed: int) -> None:
        self._rig = rig
        self._tally = tally
        self._dice = random.Random(f"changes {seed}")
        self._accounts = [login.account for login in rig.logins]

    def connector(self) -> Connector:
        return registry.connect(self._rig.kind, self._rig.settings())

    def opinion(self) -> Opinion:
        return Opinion(self.connector(), self._rig.ground.folders, set(self._accounts))

    def probed(self, without: Collection[str] = ()) -> dict[str, Cells]:
        """By listener; where there are several, what either gives as well."""
        imprint = Imprint.of(self._rig)
        found = {listener: self._rig.probed(listener, without) for listener in self._rig.listeners}
        left = Imprint.of(self._rig).difference(imprint)
        assert not left, f"the probe left a difference:\n{left}"
        union: Cells = {}
        for cells in found.values():
            for cell, rights in cells.items():
                union[cell] = union.get(cell, Rights.NONE) | rights
        return found if len(found) == 1 else {**found, "either": union}

    # Comparing

    def compare(self) -> None:
        """Fails with every cell in which Recert and the clients disagree."""
        self._find_every_folder()
        opinion = self.opinion()
        wrong = []
        for listener, cells in self.probed().items():
            said = opinion.cells(self._accounts, listener)
            self._tally.cells += len(cells)
            wrong += [
                self._describe(opinion, listener, *cell, rights)
                for cell, rights in cells.items()
                if not self._agree(opinion, cell, said[cell], rights)
            ]
        self._tally.wrong += len(wrong)
        assert not wrong, f"{len(wrong)} cells differ\n" + "\n".join(wrong[:12])
        hidden = self._rig.signed_in & opinion.refused(self._accounts)
        assert not hidden, f"Recert says that they cannot sign in, but they can: {hidden}"

    def _find_every_folder(self) -> None:
        root = self._rig.ground.root
        found = {one for one in self.connector().every_folder() if Path(one).is_relative_to(root)}
        assert found == {str(folder) for folder in self._rig.ground.folders}

    def _agree(self, opinion: Opinion, cell: tuple[str, str], said: Rights, tried: Rights) -> bool:
        """A grant that says of itself that it may say too much is taken at its word."""
        if said == tried:
            return True
        grant = opinion.grant(*cell)
        is_wide = grant is not None and grant.widened and not tried & ~said
        self._tally.widened += is_wide
        return is_wide

    def _describe(
        self, opinion: Opinion, listener: str, account: str, folder: str, tried: Rights
    ) -> str:
        said = opinion.rights(account, folder, listener)
        grant = opinion.grant(account, folder)
        login = next(one for one in self._rig.logins if one.account == account)
        lines = [
            f"{account} in {folder!r} by {listener}:",
            f"  Recert says too much: {say(said & ~tried)}; too little: {say(tried & ~said)}",
            f"  Recert: {say(said)}, via {grant.via if grant else ()}",
            f"  client: {say(tried)}",
            f"  account: {opinion.accounts.get(account)}",
            f"  stated: {login.about}",
        ]
        place = Path(folder)
        for above in [one for one in reversed(place.parents) if one != Path("/")]:
            lines.append(f"    {look(above)}  {above}")
        lines.append(f"    {look(place)}  {place}")
        lines += [f"      {look(entry)}  {entry.name!r}" for entry in sorted(place.iterdir())]
        return "\n".join(lines)

    # Changing

    def revoke_and_undo(self) -> None:
        """Random changes, each proved by clients and taken back to the last byte."""
        for _number in range(REVOCATIONS):
            self._change(depth=1)
        self._leave_a_group()

    def _wanted(self, held: Rights) -> Rights:
        """Nothing at all, or some of what is held."""
        if self._dice.random() < 0.5:
            return Rights.NONE
        left = Rights.NONE
        for name in names(held):
            if self._dice.random() < 0.5:
                left |= Rights[name.upper()]
        return left

    def _change(self, depth: int) -> None:
        opinion = self.opinion()
        held = {cell: has for cell, has in opinion.cells(self._accounts).items() if has}
        if not held:
            return
        account, folder = self._dice.choice(list(held))
        change = SetRights(account, folder, self._wanted(held[account, folder]))
        imprint = Imprint.of(self._rig)
        try:
            plan = self.connector().plan(change)
        except CannotExpress as error:
            self._tally.declined += 1
            self._tally.refusals[str(error)] += 1
            assert Imprint.of(self._rig) == imprint, "planning changed something"
            return
        assert Imprint.of(self._rig) == imprint, "planning changed something"
        if plan.side_effects:
            self._tally.side_effects += 1
            if self._dice.random() > CARELESS:
                return
        self._carry_out(opinion, plan, imprint, depth)

    def _leave_a_group(self) -> None:
        """Some account of some group leaves it: what the plan does not name must not change, and
        clients agree with the new reading about what did."""
        groups = self.connector().read().groups
        known = [(one.name, who) for one in groups for who in one.members if who in self._accounts]
        self._dice.shuffle(known)
        for group, account in known[:MEMBERSHIPS]:
            imprint = Imprint.of(self._rig)
            try:
                plan = self.connector().plan(LeaveGroup(account, group))
            except CannotExpress as error:
                self._tally.declined += 1
                self._tally.refusals[str(error)] += 1
                assert Imprint.of(self._rig) == imprint, "planning changed something"
                continue
            self._tally.left += 1
            self._carry_out(self.opinion(), plan, imprint, DEEPEST)
            return

    def _carry_out(self, opinion: Opinion, plan: Plan, imprint: "Imprint", depth: int) -> None:
        change = plan.change
        self._tally.revocations += 1
        assert plan.is_empty or self.connector().standing(plan) is Standing.BEFORE
        try:
            self._apply(plan)
            self._assert_cells(opinion, plan, self._predicted(opinion, change, plan))
            if depth < DEEPEST and self._dice.random() < 0.25:
                self._change(depth + 1)
        finally:
            self._apply(self.connector().undo_plan(plan))
        left = Imprint.of(self._rig).difference(imprint)
        assert not left, f"undo of {change} left a difference:\n{left}\n{plan.diff}"
        self._tally.undone += 1

    def _not_worth_waiting(self, before: Opinion, after: Opinion) -> set[str]:
        """Where a refusal takes seconds: accounts that were refused by all and still should be."""
        if not self._rig.refuses_slowly:
            return set()
        return before.refused(self._accounts) & after.refused(self._accounts)

    def _apply(self, plan: Plan) -> None:
        """Twice, because twice must be as good as once; the first time in a run, which must know
        afterwards what a fresh survey finds."""
        with self.connector().for_one_run() as run:
            run.read()
            run.apply(plan)
            self._rig.settle()
            both = (run, self.connector())
            root = str(self._rig.ground.root)
            mine, fresh = (everything(one, self._accounts, root) for one in both)
            wrong = [
                (key, one, other)
                for key in fresh
                for one, other in zip_longest(_items(mine[key]), _items(fresh[key]))
                if one != other
            ]
            assert not wrong, f"a run knows something else than a fresh survey:\n{wrong[:12]}"
        once = Imprint.of(self._rig)
        assert self.connector().standing(plan) is Standing.AFTER
        self.connector().apply(plan)
        again = Imprint.of(self._rig).difference(once)
        assert not again, f"the second time changed something:\n{again}"

    def _predicted(self, opinion: Opinion, change: SetRights | LeaveGroup, plan: Plan) -> Cells:
        cells = opinion.cells(self._accounts)
        if isinstance(change, LeaveGroup):
            # What the group opened closes; the new reading shows how much.
            after = self.opinion()
            mine = after.cells([change.account])
            assert all(not mine[cell] & ~cells[cell] for cell in mine), "leaving gave rights"
            members = {one.name: one.members for one in self.connector().read().groups}
            assert change.account not in members.get(change.group, ())
            cells |= mine
        else:
            for folder in opinion.region(change.folder):
                cells[change.account, folder] = change.rights
        for cell in plan.side_effects:  # one for each folder
            if (cell.account, cell.folder) in cells and not cell.protocol:
                cells[cell.account, cell.folder] = cell.after
        return cells

    def _assert_cells(self, before: Opinion, plan: Plan, predicted: Cells) -> None:
        """Clients and a new reading agree with each other, and with what the plan said."""
        opinion = self.opinion()
        tried = self.probed(self._not_worth_waiting(before, opinion))
        whole = list(tried)[-1]  # either listener, or the only one: what plans speak about
        wrong = []
        for listener, cells in tried.items():
            said = opinion.cells(self._accounts, listener)
            self._tally.cells += len(cells)
            for cell, rights in cells.items():
                as_planned = listener != whole or said[cell] == predicted[cell]
                if not as_planned or not self._agree(opinion, cell, said[cell], rights):
                    wrong.append(
                        f"  {cell[0]} in {cell[1]!r} by {listener}: "
                        f"was {say(before.rights(*cell))}; "
                        f"planned {say(predicted[cell])}; client {say(rights)}; "
                        f"new reading {say(said[cell])}"
                    )
        wrong += self._gained_or_lost(before, opinion, plan)
        self._tally.wrong += len(wrong)
        change = plan.change
        assert not wrong, (
            f"after {change.account} {change.folder!r} -> {say(change.rights)}:\n"
            + "\n".join(wrong[:12])
            + f"\nside effects: {plan.side_effects}\nnote: {plan.note}\n{plan.diff}"
        )

    def _gained_or_lost(self, before: Opinion, after: Opinion, plan: Plan) -> list[str]:
        """By each listener for itself: nobody may have more than before, and less only where the
        plan says so."""
        change = plan.change
        planned = {(cell.account, cell.folder) for cell in plan.side_effects}
        if isinstance(change, SetRights):
            planned |= {(change.account, folder) for folder in before.region(change.folder)}
        found = []
        for listener in self._rig.listeners:
            for account in self._accounts:
                for folder in before.folders:
                    was = before.rights(account, folder, listener)
                    now = after.rights(account, folder, listener)
                    is_mine = account == change.account and not isinstance(change, SetRights)
                    if now & ~was:
                        found.append(
                            f"  {account} won {say(now & ~was)} in {folder!r} by {listener}"
                        )
                    elif was & ~now and (account, folder) not in planned and not is_mine:
                        found.append(
                            f"  {account} lost {say(was & ~now)} in {folder!r} by {listener}"
                        )
        return found


@dataclass(frozen=True)
class Imprint:
    """Everything that says something about access, byte for byte."""

    texts: dict[str, bytes]

    @classmethod
    def of(cls, rig: Rig) -> "Imprint":
        texts = {str(path): f"{look(path)}\n".encode() + path.read_bytes() for path in rig.stated()}
        command = ["getfacl", "-nRp", "--", str(rig.ground.root)]
        texts["tree"] = subprocess.run(command, capture_output=True, check=True).stdout
        for file in rig.ground.root.rglob("*"):
            if file.is_file() and not file.is_symlink():
                texts[str(file)] = file.read_bytes()
        own = rig.ground.residents.names()
        for file in ("passwd", "group", "shadow", "gshadow"):
            lines = Path("/etc", file).read_bytes().splitlines(keepends=True)
            texts[file] = b"".join(line for line in lines if line.split(b":")[0].decode() in own)
        return cls(texts)

    def difference(self, earlier: "Imprint") -> str:
        found = []
        for name in sorted({*self.texts, *earlier.texts}):
            was, now = (one.texts.get(name, b"") for one in (earlier, self))
            if was != now:
                old, new = (text.decode(errors="replace").splitlines() for text in (was, now))
                found += difflib.unified_diff(old, new, name, name, lineterm="", n=2)
        return "\n".join(found)
