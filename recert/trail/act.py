"""One use case under way: its transaction, who acts, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recert.foundation.actor import Actor
from recert.trail.actions import Action
from recert.trail.service import append


@dataclass(frozen=True)
class Act:
    """What every use case needs. Whoever begins the transaction makes it; use cases hand it on."""

    session: Session
    actor: Actor
    now: datetime

    def record(self, action: Action, subject: str, details: dict[str, Any] | None = None) -> None:
        """Appends the trail entry of this act. The last thing that a use case does: whoever holds
        the head of the chain waits for nothing else."""
        append(self.session, action, subject, details, actor=self.actor, at=self.now)
