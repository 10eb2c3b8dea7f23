"""The table of packages that were handed out."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class Package(Base):
    """One export. The file itself is not kept; its hash is."""

    __tablename__ = "evidence_package"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int]
