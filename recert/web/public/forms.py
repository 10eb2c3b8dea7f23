"""Forms of signing in and of one's own password."""

from flask_wtf import FlaskForm
from wtforms import (
    EmailField,
    HiddenField,
    PasswordField,
)
from wtforms.validators import (
    DataRequired,
    EqualTo,
    Length,
)


class SignInForm(FlaskForm):
    email = EmailField("Mail address", [DataRequired("Enter your mail address."), Length(max=320)])
    password = PasswordField("Password", [DataRequired("Enter your password."), Length(max=1000)])
    next = HiddenField()


class PasswordForm(FlaskForm):
    """A user's own new password."""

    present = PasswordField(
        "Present password", [DataRequired("Enter your present password."), Length(max=1024)]
    )
    new = PasswordField(
        "New password",
        [DataRequired("Enter a new password."), Length(max=1024)],
        description="At least 12 characters, not your name, and nothing that many others use.",
    )
    again = PasswordField(
        "New password again",
        [EqualTo("new", "This is not the same as the new password.")],
    )
