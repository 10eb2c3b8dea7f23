"""The fields by which a campaign asks about less than everything."""

import secrets

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional

from recert.campaigns.setup.scope import MAX_SAMPLE, Holder, Scope
from recert.connectors.rights import WORDS, Rights

HOLDERS = {
    Holder.EMPLOYEE: "our own people",
    Holder.PARTNER: "people of partners",
    Holder.SERVICE: "service accounts",
    Holder.SHARED: "shared accounts",
    Holder.ANONYMOUS: "anonymous access",
    Holder.ORPHAN: "accounts of nobody we know",
    Holder.LEFT: "people who have left",
    Holder.PRIVILEGED: "accounts that can give others access",
}


class ScopeFields(FlaskForm):
    """Left empty, everything in the folder is asked about."""

    holders = SelectMultipleField(
        "Only these accounts", choices=[SelectChoice(one.value, HOLDERS[one]) for one in Holder]
    )
    rights = SelectMultipleField(
        "Only access that can do one of these",
        choices=[SelectChoice(str(int(right)), text) for right, text in WORDS.items()],
    )
    classification = StringField(
        "Only folders classified as",
        [Optional(), Length(max=200)],
        description="One or several, with commas: the classification of the folder's owner line.",
    )
    unused_days = IntegerField(
        "Only accounts without a sign-in for so many days",
        [Optional(), NumberRange(0, 3650, "Enter a number of days up to 3650.")],
        description="By the last sign-in, and by transfers where logs are read.",
    )
    unknown_unused = BooleanField("Also accounts of which no sign-in and no transfer is known")
    only_changes = BooleanField("Only what is new or changed since the last review of its server")
    sample = IntegerField(
        "Only a random sample of",
        [Optional(), NumberRange(0, MAX_SAMPLE, f"Enter a number up to {MAX_SAMPLE}.")],
        description="The seed is kept, so that anybody can draw the same sample again.",
    )

    def scope(self, prefix: str) -> Scope:
        """What was chosen. A sample gets a seed of its own."""
        words = [word.strip() for word in (self.classification.data or "").split(",")]
        return Scope(
            prefix=prefix,
            classifications=tuple(filter(None, words)),
            holders=tuple(map(Holder, self.holders.data or [])),
            rights=Rights(sum(map(int, self.rights.data or []))),
            unused_days=self.unused_days.data or 0,
            unknown_unused=bool(self.unknown_unused.data),
            only_changes=bool(self.only_changes.data),
            sample=self.sample.data or 0,
            seed=secrets.randbelow(1_000_000_000) + 1 if self.sample.data else 0,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether the fields should be open when the page is shown again."""
        fields = (self.holders, self.rights, self.classification, self.unused_days, self.sample)
        wrong = any(field.errors for field in fields)
        return wrong or bool(self.only_changes.data or any(field.data for field in fields))
