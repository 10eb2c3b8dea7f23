"""The base of connectors whose folders the kernel guards: reading, planning, carrying out."""

import hashlib
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence

from recert.connectors import names
from recert.connectors.changes import Change, CloseAccount, LeaveGroup, SetRights
from recert.connectors.contract import (
    CannotExpress,
    Cell,
    Check,
    ConnectorError,
    EditedByOthers,
    Features,
    LogSource,
    Plan,
    Reading,
    ServerDataInvalid,
    Standing,
    check_supported,
)
from recert.connectors.hosts import EditedHost, Host, commands
from recert.connectors.posix import to_reading
from recert.connectors.posix.changes import acl_edit, comparison, group_edit, plan_parts, processes
from recert.connectors.posix.changes.plan_parts import Part
from recert.connectors.posix.permissions.scan import every_folder
from recert.connectors.posix.run import OnOneMachine
from recert.connectors.posix.survey import Survey
from recert.connectors.rights import Rights

_KEEPS_ITS_GROUPS = "A session that is not ended keeps its groups until it ends."


class PosixConnector(OnOneMachine):
    """A kind defines how to survey its server and how to close an account."""

    features = Features(
        can_write=True,
        changes=frozenset({SetRights, LeaveGroup, CloseAccount}),
        reads_last_login=True,
        ends_sessions=True,
        can_undo=True,
    )

    @abstractmethod
    def close_account(self, host: Host, survey: Survey, account: str) -> list[Part]:
        """The edit after which the account cannot log in. CannotExpress says why there is
        none."""

    def group_files(self, host: Host, survey: Survey) -> Sequence[str]:
        """The files that say who is in which group."""
        return (group_edit.SYSTEM,)

    def _is_closed(self, host: Host, account: str, edits: Sequence[Part]) -> bool:
        """Whether the account is disabled in a survey after the edits: an undo opens it again,
        and then its sessions stay."""
        accounts = self._surveyed_after(host, edits).accounts
        return any(one.name == account and not one.enabled for one in accounts)

    @abstractmethod
    def log_sources(self) -> list[LogSource]:
        """Where the server writes down what its accounts did."""

    def log_roots(self) -> Mapping[str, str]:
        """Real paths stand in the logs, unless the kind says otherwise."""
        return {}

    @abstractmethod
    def kind_checks(self, host: Host) -> Iterator[Check]:
        """Named tests of the kind's own files and programs."""

    def candidates(
        self, host: Host, survey: Survey, change: SetRights
    ) -> Iterator[tuple[list[Part], Sequence[Cell]]]:
        """Edits besides ACL entries that make a change of one folder true, the best first."""
        return iter(())

    def carry_out(self, host: Host, plan: Plan, found: Sequence[Part]) -> bool | None:
        """Writes. Kinds whose edits need a check before or a reload after say so here. Returns
        what `apply` does."""
        plan_parts.carry_out(host, found)
        if self.session_name and any(part.kind != plan_parts.ACL for part in found):
            return self._end_sessions(host, plan.change, found)
        return None

    # How the processes of sessions are named, where they run as the account: permissions act on
    # them at once, but a closed account stays in until its session ends, and a session keeps the
    # groups that it began with.
    session_name = ""

    def _end_sessions(self, host: Host, change: Change, edits: Sequence[Part]) -> bool | None:
        """Ends sessions only when no other account has the same uid, because their sessions would
        be indistinguishable, and only when the account was closed or left a group."""
        survey = self._surveyed_after(host, edits)
        uid = survey.identities.get(change.account).uid
        is_alone = survey.identities.by_uid[uid].bit_count() == 1
        if (
            is_alone
            and uid > 0
            and (isinstance(change, LeaveGroup) or self._is_closed(host, change.account, edits))
        ):
            return processes.end_sessions_of(host, self.session_name, uid) > 0
        return None

    def checks(self) -> Iterator[Check]:
        yield Check("settings", True)
        try:
            with self._host() as host:
                yield Check("connection", True)
                for check in self.kind_checks(host):
                    yield check
                    if not check.passed:
                        return
                yield _getfacl_check(host)
                yield self._read_check(host)
        except ConnectorError as error:
            yield Check("connection", False, error.message, "Check transport, host, port and key.")

    def _read_check(self, host: Host) -> Check:
        remedy = "Give Recert's account the privileges named in the documentation of this kind."
        try:
            survey = self.survey(host)
        except ConnectorError as error:
            return Check("read", False, error.message, remedy)
        if survey.tree.problems:
            return Check("read", False, "; ".join(survey.tree.problems[:3]), remedy)
        return Check("read", True)

    def read(self, accounts: Collection[str] | None = None) -> Reading:
        with self._host() as host:
            return self._surveyed(host).reading(accounts)

    def every_folder(self) -> Iterator[str]:
        with self._host() as host:
            tree = self.survey(host).tree
        return map(names.shown, every_folder(tree))

    def has_folder(self, folder: str) -> bool:
        """A name that is shown with octal numbers cannot be asked for."""
        if "\\" in folder:
            return True
        with self._host() as host:
            fact = host.stat(folder)
            return fact is not None and fact.is_folder

    def listable(self, account: str, protocol: str = "") -> dict[str, tuple[str, bool, set[str]]]:
        """For a probe: folder -> its path as the account types it, whether the account can list
        it, and names that stand in it. Folders outside of its jail and empty ones are left out."""
        with self._host() as host:
            survey = self.survey(host)
            me = survey.identities.of(account)
            folders: dict[str, tuple[str, bool, set[str]]] = {}
            for view in survey.views:
                if view.protocol and view.protocol != protocol:
                    continue
                place = view.jails(survey.tree).get(account, ())
                jail = place if isinstance(place, str) else next(iter(place), "")
                for one in to_reading.boundaries(survey.rights_of(view)):
                    inside = _inside(one.path, jail)
                    if inside and names.is_clean(one.path) and jail:
                        known = set(host.names(one.path))
                        if known:
                            folders[one.path] = (inside, Rights.LIST in one.rights(me), known)
            return folders

    def plan(self, change: Change) -> Plan:
        check_supported(self.features, change)
        with self._planning() as (host, survey):
            if survey.tree.problems:
                raise ServerDataInvalid("It was read only in part: " + survey.tree.problems[0])
            if change.account not in {one.name for one in survey.accounts}:
                if "\\" in change.account:
                    raise CannotExpress(
                        "The account's name holds characters that no name may hold."
                    )
                raise EditedByOthers(f"The account {change.account!r} does not exist any more.")
            match change:
                case LeaveGroup():
                    return self._leaving(host, survey, change)
                case SetRights():
                    _check_folder(survey, change.folder)
                    parts, side_effects = self._best(host, survey, change)
                    note = self._note(survey, change, parts)
                    return plan_of(change, parts, side_effects, note)
                case _:
                    nothing = SetRights(change.account, "", Rights.NONE)
                    parts, side_effects = self._closing(host, survey, nothing)
                    return plan_of(change, parts, side_effects, self._note(survey, change, parts))

    def _note(self, survey: Survey, change: Change, parts: Sequence[Part]) -> str:
        """A sentence about each thing that the edit does not do."""
        notes = []
        uid = survey.identities.get(change.account).uid
        others = survey.identities.by_uid[uid].bit_count() - 1
        if self.session_name and others and any(part.kind != plan_parts.ACL for part in parts):
            notes.append(
                f"{others} other accounts run as the same uid, so live sessions cannot be told "
                "apart and are not ended."
            )
        takes_less = isinstance(change, SetRights) and change.rights
        if takes_less and any(part.kind == plan_parts.ACL for part in parts):
            notes.append(
                "Files and folders that are made later follow the permissions they are made with; "
                "a later reading shows them."
            )
        return " ".join(notes)

    def _best(
        self, host: Host, survey: Survey, change: SetRights
    ) -> tuple[list[Part], Sequence[Cell]]:
        """The edit with the fewest side effects; of equal ones the smaller."""
        tried: list[tuple[list[Part], Sequence[Cell]]] = []
        why: CannotExpress | None = None
        try:
            outcome = acl_edit.try_entries(host, survey, change)
            pairs = zip(outcome.before, outcome.after, strict=True)
            tried.append(
                ([plan_parts.acl_part(old, new) for old, new in pairs], outcome.side_effects)
            )
        except CannotExpress as error:
            why = error
        if not tried or tried[0][1]:
            tried += self.candidates(host, survey, change)
        if (not tried or tried[0][1]) and change.rights is Rights.NONE:
            try:
                tried.append(self._closing(host, survey, change))
            except CannotExpress as error:
                why = why or error
        if not tried:
            raise why or CannotExpress("This server cannot express the change.")
        return min(tried, key=lambda candidate: len(candidate[1]))

    def _closing(
        self, host: Host, survey: Survey, change: SetRights
    ) -> tuple[list[Part], Sequence[Cell]]:
        """The edit that closes the whole account, simulated by a survey of the edited files. It is
        wanted for itself when the change names no folder."""
        parts = self.close_account(host, survey, change.account)
        after = self.survey(EditedHost(host, plan_parts.contents(host, parts)))
        by_view = survey.rights_by_view()
        before, kept = survey.outlook(by_view)
        inside = acl_edit.region(before, kept, change.folder) if change.folder else before
        later = after.rights_by_view(survey.tree)
        renumbered = comparison.renumbered(later, after.identities, by_view, survey)
        return parts, comparison.compared(survey, change, by_view, renumbered, inside, "closing it")

    def _leaving(self, host: Host, survey: Survey, change: LeaveGroup) -> Plan:
        """The plan that removes the account from the group. The account's own lost rights are
        wanted, so only other accounts count as side effects."""
        parts = group_edit.leave(host, self.group_files(host, survey), change)
        after = self.survey(group_edit.tried_on(host, parts, change))
        group_edit.check_left(after, change)
        before = survey.rights_by_view()
        later = after.rights_by_view(survey.tree)
        renumbered = comparison.renumbered(later, after.identities, before, survey)
        touched = group_edit.others_touched(survey, change, before, renumbered)
        note = f"{self._note(survey, change, parts)} {_KEEPS_ITS_GROUPS}".strip()
        return plan_of(change, parts, touched, note)

    def undo_plan(self, applied: Plan) -> Plan:
        with self._host() as host:
            back = plan_parts.undo(host, plan_parts.load(applied.before, applied.after))
        return plan_of(applied.change, back, ())

    def standing(self, plan: Plan) -> Standing:
        with self._host() as host:
            return plan_parts.standing(host, plan_parts.load(plan.before, plan.after))

    def apply(self, plan: Plan) -> bool | None:
        """Compares and writes on the machine itself, never on what a run remembers."""
        parts = plan_parts.load(plan.before, plan.after)
        with self._host() as host:
            try:
                ended = self.carry_out(host, plan, parts)
            except BaseException:
                if self._memory:
                    self._memory.forget()
                raise
            if self._memory:
                self._memory.note(parts)
        return ended


def _getfacl_check(host: Host) -> Check:
    works = host.run(commands.ACL_THESE, b"/\0").ok
    cause = "" if works else f"getfacl does not run on {host.title}."
    return Check("getfacl", works, cause, "Install the package acl.")


def _inside(path: str, jail: str) -> str:
    """A folder's path as a client of the jail types it; empty when it lies outside."""
    if jail == "/":
        return path
    if path == jail:
        return "/"
    return path[len(jail) :] if path.startswith(jail + "/") else ""


def _check_folder(survey: Survey, folder: str) -> None:
    """What is not there, or is shown with octal numbers, has no path that could be edited."""
    known = survey.tree.get(folder)
    if known is None or not known.is_reported or not names.is_clean(folder):
        raise CannotExpress(f"There is no folder {folder} that Recert could change.")


def plan_of(
    change: Change, found: Sequence[Part], side_effects: Sequence[Cell], note: str = ""
) -> Plan:
    """A plan from its parts."""
    before, after = plan_parts.dump(found, "before"), plan_parts.dump(found, "after")
    return Plan(
        change=change,
        before=before,
        after=after,
        diff=plan_parts.diff(found),
        fingerprint=hashlib.sha256(before.encode()).hexdigest(),
        side_effects=tuple(side_effects),
        note=note,
    )
