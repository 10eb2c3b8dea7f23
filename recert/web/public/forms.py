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
    email = EmailField(
        "Email address", [DataRequired("Enter your email address."), Length(max=320)]
    )
    password = PasswordField("Password", [DataRequired("Enter your password."), Length(max=1000)])
    next = HiddenField()


class PasswordForm(FlaskForm):
    """A user's own new password."""

    present = PasswordField(
        "Current password", [DataRequired("Enter your current password."), Length(max=1024)]
    )
    new = PasswordField(
        "New password",
        [DataRequired("Enter a new password."), Length(max=1024)],
        description="At least 12 characters. Do not use your name or a common password.",
    )
    again = PasswordField(
        "Repeat the new password",
        [EqualTo("new", "The passwords do not match.")],
    )
