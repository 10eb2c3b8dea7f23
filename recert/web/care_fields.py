"""Fields of a policy about who must look once more, and who may answer."""

from typing import Any

from wtforms import Field, IntegerField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import NumberRange, Optional


class CareFields:
    """Forms that ask for a policy have these fields."""

    second_for_conflict = SelectField(
        "Kept by who could grant it himself",
        choices=[
            SelectChoice("yes", "Access of high risk needs a second person"),
            SelectChoice("no", "His answer is enough"),
        ],
        default="yes",
        description="Somebody with a right to share, or an administrator of Recert.",
    )
    live_feed_days = IntegerField(
        "Days in use",
        [Optional(), NumberRange(0, 366, "Use 0 to 366 days.")],
        default=30,
        description="A removal of what was used since then waits for a second person; 0 for never.",
    )
    training_within_days = IntegerField(
        "Days since the training",
        [Optional(), NumberRange(0, 3660, "Use 0 to 3660 days.")],
        default=0,
        description="Warn of reviewers without a training since then; 0 for no warning.",
    )

    @property
    def care_fields(self) -> tuple[Field, ...]:
        """In the order of the page."""
        fields: Any = (self.second_for_conflict, self.live_feed_days, self.training_within_days)
        return tuple(fields)

    @property
    def care(self) -> dict[str, Any]:
        """The rules of a policy; a number that is left out is as by default."""
        numbers = {
            "live_feed_days": self.live_feed_days.data,
            "training_within_days": self.training_within_days.data,
        }
        typed = {name: value for name, value in numbers.items() if value is not None}
        return {"second_for_conflict": self.second_for_conflict.data != "no", **typed}
