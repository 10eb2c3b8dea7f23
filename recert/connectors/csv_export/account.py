"""What the rows of an export together say about one account."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from recert.connectors.contract import AccountFact, AccountKind
from recert.connectors.csv_export.row import Row


@dataclass
class Login:
    """One account; it learns row by row, and the first answer to each question stays."""

    name: str
    kind: AccountKind
    enabled: bool | None = None
    email: str = ""
    display_name: str = ""
    expires: datetime | None = None
    last_login: datetime | None = None
    groups: set[str] = field(default_factory=set)

    def contradiction(self, row: Row) -> str:
        """Why the row cannot be true together with the earlier ones, or ""."""
        for what, known, new in (
            ("principal_type", self.kind, row.kind),
            ("enabled", self.enabled, row.enabled),
            ("expires", self.expires, row.expires),
        ):
            if known is not None and new is not None and known != new:
                return f"{what} of {row.principal!r} contradicts an earlier row"
        return ""

    def learn(self, row: Row) -> Iterator[str]:
        """Takes the row's facts; gives a warning for each that is dropped."""
        self.enabled = row.enabled if self.enabled is None else self.enabled
        self.expires = self.expires or row.expires
        self.last_login = max(filter(None, (self.last_login, row.last_login)), default=None)
        for what in ("email", "display_name"):
            known, new = getattr(self, what), getattr(row, what)
            if known and new and known != new:
                yield f"Row {row.line}: another {what} of {self.name!r}; the first one is kept."
            setattr(self, what, known or new)

    def is_active(self, now: datetime) -> bool:
        return not self._why_inactive(now)

    def fact(self, now: datetime) -> AccountFact:
        note = self._why_inactive(now)
        return AccountFact(
            name=self.name,
            enabled=not note,
            kind=self.kind,
            display_name=self.display_name,
            email=self.email,
            expires=self.expires,
            last_login=self.last_login,
            note=note,
        )

    def _why_inactive(self, now: datetime) -> str:
        if self.enabled is False:
            return "switched off in the export"
        if self.expires is not None and now > self.expires:
            return f"expired on {self.expires.date().isoformat()}"
        return ""
