"""Tables of activity."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, enum_column


class Use(StrEnum):
    """What an account did with a file, as transfer logs record it."""

    DOWNLOAD = "download"
    UPLOAD = "upload"  # a new file or a changed one: logs do not distinguish
    DELETE = "delete"


class LastUse(Base):
    """When an account last did something in a folder: its nearest boundary."""

    __tablename__ = "last_use"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    folder_id: Mapped[int] = mapped_column(ForeignKey("folder.id"), primary_key=True, index=True)
    use: Mapped[Use] = mapped_column(enum_column(Use), primary_key=True)
    at: Mapped[datetime]
    count: Mapped[int]


class ActivityLog(Base):
    """A log file that was read: the period it covers, and how far it was read. `mark` is the hash
    of its first line, which tells a rotated file from the old one of the same name."""

    __tablename__ = "activity_log"
    __table_args__ = (UniqueConstraint("server_id", "path"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    path: Mapped[str]
    mark: Mapped[str]
    offset: Mapped[int] = mapped_column("read_bytes", BigInteger)
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    read_at: Mapped[datetime]
