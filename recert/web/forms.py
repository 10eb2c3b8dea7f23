"""Forms check shape and hand over values; the use cases check policy again. A refused form is shown
again where it was typed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, Response, current_app, g, make_response, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug.exceptions import HTTPException
from wtforms import (
    DateField,
    Field,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    Optional,
)

from recert.campaigns.decisions.rules import ANSWERS_OF_PEOPLE, MAX_REASON, Reply
from recert.campaigns.models import Answer
from recert.connectors.rights import PHRASES, Rights
from recert.foundation import clock
from recert.foundation.errors import BadInput, RecertError
from recert.web.access import View
from recert.web.errors import TITLES, code_of


def at_most(number: int, what: str) -> Length:
    """No more characters than this; the message says what is too long."""
    return Length(max=number, message=f"The {what} is longer than {number} characters.")


SHOWN_IN_PLACE = "shown_in_place"  # where the refused form of a view is shown
NO_DATE = "Enter a date like 2026-12-31."
REASON_LENGTH = at_most(MAX_REASON, "reason")


class FormRefused(BadInput):
    """The form cannot be used."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = errors
        super().__init__(next(iter(errors.values())))

    @property
    def message(self) -> str:
        """The first mistake."""
        return self.detail


def checked(form: FlaskForm) -> None:
    """Raises FormRefused with what is wrong with a posted form, by field."""
    if not form.validate_on_submit():
        raise FormRefused(
            {
                form[key].name if key in form else key: str(errors[0])
                for key, errors in form.errors.items()
            }
        )


@dataclass
class Refusal:
    """A posted form that was refused. The components of a page show it at the form with the same
    address: the message, the mistakes beside their fields, and all that was typed."""

    title: str
    message: str
    errors: Mapping[str, str]
    is_open: bool = False  # its form is being rendered
    is_shown: bool = False

    def is_of(self, action: str) -> bool:
        """Whether a form with this address was the refused one."""
        return urlsplit(action).path == request.path


Page = str | Callable[..., tuple[str, dict[str, Any]]]


def refused_on(page: Page) -> Callable[[View], View]:
    """Declares on which page the form of a view stands: an endpoint that takes arguments of the
    view, or a function of them that returns endpoint and arguments. What the use case or the form
    refuses is shown there; what is gone, or stands on no page any more, is an error page."""

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(**values: Any) -> ResponseReturnValue:
            try:
                return cast(ResponseReturnValue, view(**values))
            except RecertError as error:
                if code_of(error) not in (403, 409, 422):
                    raise
                endpoint, known = (page, values) if isinstance(page, str) else page(**values)
                again = _shown_again(endpoint, known, error)
                if again is None:
                    raise
                return again

        setattr(guarded, SHOWN_IN_PLACE, page)  # read by the test of all forms
        return cast(View, guarded)

    return declare


def _shown_again(endpoint: str, values: dict[str, Any], error: RecertError) -> Response | None:
    """The page with the refused form; None when it does not show the form any more."""
    name = f"{request.blueprint}{endpoint}" if endpoint.startswith(".") else endpoint
    wanted = next(current_app.url_map.iter_rules(name)).arguments
    code = code_of(error)
    g.refusal = Refusal(TITLES[code], str(error), getattr(error, "errors", {}))
    try:
        known = {key: value for key, value in values.items() if key in wanted}
        answer = make_response(current_app.ensure_sync(current_app.view_functions[name])(**known))
        if answer.status_code == 200 and g.refusal.is_shown:
            answer.status_code = code
            return answer
    except (RecertError, HTTPException):
        current_app.logger.info("%s cannot show a refused form", name)
    g.refusal = None
    return None


def register(app: Flask) -> None:
    """What the components of forms ask."""

    def refusal() -> Refusal | None:
        return g.get("refusal")

    def shown() -> Refusal | None:
        found = refusal()
        return found if found and found.is_open else None

    def is_refused(action: str) -> bool:
        found = refusal()
        return found is not None and found.is_of(action)

    def begin_form(action: str) -> Refusal | None:
        found = refusal()
        if found is None or found.is_shown or not found.is_of(action):
            return None
        found.is_open = found.is_shown = True
        return found

    def end_form() -> str:
        if found := refusal():
            found.is_open = False
        return ""

    def typed(name: str, otherwise: Any = None) -> Any:
        return request.form.get(name, otherwise) if shown() else otherwise

    def typed_all(name: str, otherwise: Any = ()) -> Any:
        return request.form.getlist(name) if shown() else otherwise

    def mistake(name: str, otherwise: str = "") -> str:
        found = shown()
        return found.errors.get(name, otherwise) if found else otherwise

    def restored(field: Field) -> Field:
        if found := shown():
            field.process(request.form)
            field.errors = [found.errors[field.name]] if field.name in found.errors else []
        return field

    known = (refusal, is_refused, begin_form, end_form, typed, typed_all, mistake, restored)
    app.jinja_env.globals.update({each.__name__: each for each in known})


class DayField(DateField):
    """A date; what is none gets a message that shows one."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Raises ValueError for what is no date."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(NO_DATE) from error


class AnswerForm(FlaskForm):
    """One answer to one item. `version` and `content_hash` name what the reviewer saw."""

    answer = SelectField(
        choices=[answer.value for answer in ANSWERS_OF_PEOPLE], validators=[InputRequired()]
    )
    rights = SelectMultipleField(
        choices=[SelectChoice(str(int(right))) for right in PHRASES], validators=[Optional()]
    )
    reason = TextAreaField(validators=[REASON_LENGTH])
    until = DayField(validators=[Optional()])
    successor = StringField(validators=[Length(max=320)])
    version = IntegerField(validators=[InputRequired()])
    content_hash = IntegerField(validators=[InputRequired()], name="seen")

    @property
    def problem(self) -> str:
        """What is wrong with it, in one sentence."""
        return str(self.reason.errors[0]) if self.reason.errors else "Choose an answer."

    @property
    def typed_reason(self) -> str:
        """The reason, in whichever of its fields it was typed."""
        return next((text for text in self.reason.raw_data or [] if text.strip()), "")

    def reply(self, zone: ZoneInfo) -> Reply:
        """The answer as the use case takes it. A date means the end of that day."""
        kept = Rights(sum(int(value) for value in self.rights.data or []))
        return Reply(
            Answer(self.answer.data),
            rights=kept if self.answer.data == Answer.REDUCE else None,
            reason=self.typed_reason,
            until=clock.end_of_day(self.until.data, zone)
            if self.until.data and self.answer.data == Answer.KEEP
            else None,
            successor=(self.successor.data or "").strip()
            if self.answer.data == Answer.NOT_MINE
            else "",
            version=self.version.data,
            content_hash=self.content_hash.data,
        )


@dataclass(frozen=True)
class Kept:
    """What somebody had typed when their answer was refused; the page shows it again."""

    item_id: int
    reason: str


class ConfirmForm(FlaskForm):
    """A button without fields."""


class ReasonForm(FlaskForm):
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])
