"""One family of errors; the docstring of each class is its message to a person."""

import inspect


class RecertError(Exception):
    """Something went wrong."""

    def __init__(self, detail: str = "", **context: object) -> None:
        self.detail = detail
        self.context = context
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What happened, to which object, and what to do next."""
        text = inspect.cleandoc(type(self).__doc__ or "").replace("\n", " ")
        return f"{text} {self.detail}".strip()

    def __str__(self) -> str:
        return self.message


class RefusedByPolicy(RecertError):
    """A rule forbids this."""


class NotAllowed(RefusedByPolicy):
    """You are not allowed to do this."""


class NotFound(RecertError):
    """There is no such thing."""


class BadInput(RecertError):
    """The input cannot be used."""

    @property
    def message(self) -> str:
        """The detail alone; kinds of bad input with a docstring of their own show both."""
        return self.detail if self.detail and type(self) is BadInput else super().message


class MovedMeanwhile(RecertError):
    """Somebody else was faster. Reload the page and look again."""
