"""The fields that say how often a question is looked at."""

from wtforms import IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional

from recert.campaigns.setup.stages import LONGEST, Sees, Stage, Stages, Vote, Who


def _who(number: int) -> SelectField:
    choices = [SelectChoice("", "nobody"), *(SelectChoice(who.value, who.value) for who in Who)]
    named = SelectChoice("named", "the person named below")
    return SelectField(f"Look {number}: by whom?", choices=[*choices, named], default="")


def _sees() -> SelectField:
    words = {Sees.ALL: "every answer", Sees.KEPT: "what was kept", Sees.REMOVED: "what was removed"}
    choices = [SelectChoice(sees.value, text) for sees, text in words.items()]
    return SelectField("What is shown", choices=choices, default=Sees.ALL.value)


def _stage_days() -> IntegerField:
    limits = NumberRange(1, LONGEST, f"Use 1 to {LONGEST} days.")
    return IntegerField("Days for it", [Optional(), limits], default=7)


class StageFields:
    """How often a question is looked at. Each later look has the last days before the due date."""

    second_who, second_sees, second_days = _who(2), _sees(), _stage_days()
    second_name = StringField("Mail address", [Length(max=320)])
    third_who, third_sees, third_days = _who(3), _sees(), _stage_days()
    third_name = StringField("Mail address", [Length(max=320)])
    vote = SelectField(
        "Where the looks differ, what counts?",
        choices=[
            SelectChoice(Vote.REMOVAL.value, "any removal"),
            SelectChoice(Vote.LAST.value, "the last word"),
            SelectChoice(Vote.KEEP.value, "any keep"),
        ],
        default=Vote.REMOVAL.value,
    )

    @property
    def stages(self) -> Stages:
        """What was chosen; StagesRejected names what makes no sense."""
        later = [
            Stage(
                (name.data or "").strip().lower() if who.data == "named" else who.data,
                Sees(sees.data),
                days.data or 7,
            )
            for who, name, sees, days in (
                (self.second_who, self.second_name, self.second_sees, self.second_days),
                (self.third_who, self.third_name, self.third_sees, self.third_days),
            )
            if who.data
        ]
        return Stages(tuple(later), Vote(self.vote.data))
