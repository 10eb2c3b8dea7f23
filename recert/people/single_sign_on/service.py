"""Use cases of single sign-on: providers, who comes back from one, and who is signed out by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recert.foundation import clock, secrets
from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, NotFound, RefusedByPolicy
from recert.people import sessions
from recert.people.models import Person, User, WebSession
from recert.people.queries import can_sign_in
from recert.people.single_sign_on.models import (
    EndedLogoutToken,
    Provider,
    ProviderAccount,
    SignInAttempt,
)
from recert.people.single_sign_on.protocol import Issuer, ProviderUnreachable, check_address
from recert.trail.act import Act
from recert.trail.actions import Action

ATTEMPT_LIFE = timedelta(minutes=15)
LONGEST_NAME = 40
# What nobody can sign in with: the user has no password of ours.
NO_PASSWORD = "!"  # noqa: S105  # matches no hash


class NoSuchProvider(NotFound):
    """There is no such identity provider. `recert provider list` shows them."""


class AttemptUnknown(BadInput):
    """This sign-in was not begun in this browser, or took too long. Start again."""


class NotKnownHere(RefusedByPolicy):
    """You are signed in at your company, but Recert does not know you. Ask your administrator."""


@dataclass(frozen=True)
class Begun:
    """A browser on its way to a provider."""

    provider: Provider
    state: str
    nonce: str
    verifier: str


def add(act: Act, provider: Provider) -> Provider:
    """Registers a provider. Raises BadInput naming what is wrong."""
    act.actor.require(Role.ADMINISTRATOR)
    name = provider.name
    plain = name.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and len(name) <= LONGEST_NAME):
        raise BadInput("A provider's name has letters, digits, - and _ only: it is in addresses.")
    try:
        check_address(provider.issuer)
    except ProviderUnreachable as error:
        raise BadInput(f"Issuer {provider.issuer!r} is no https address.") from error
    for group, role in provider.group_roles.items():
        if role not in {one.value for one in Role}:
            raise BadInput(f"Group {group!r}: there is no role {role!r}.")
    if provider.secret_file and not Path(provider.secret_file).is_file():
        raise BadInput(f"There is no file {provider.secret_file}.")
    if by_name(act.session, name) is not None:
        raise BadInput(f"There is a provider {name!r} already.")
    provider.created_at = act.now
    act.session.add(provider)
    act.session.flush()
    details = {"name": name, "issuer": provider.issuer, "group_roles": provider.group_roles}
    act.record(Action.PROVIDER_ADDED, provider.ref, details)
    return provider


def remove(act: Act, name: str) -> None:
    """Forgets a provider, its links, and ends the sessions that it vouched for."""
    act.actor.require(Role.ADMINISTRATOR)
    provider = named(act.session, name)
    for table in (SignInAttempt, ProviderAccount, WebSession):
        act.session.execute(delete(table).where(table.provider_id == provider.id))
    act.record(Action.PROVIDER_REMOVED, provider.ref, {"name": name})
    act.session.delete(provider)


def providers(session: Session) -> Sequence[Provider]:
    """All providers, by title."""
    return session.scalars(select(Provider).order_by(Provider.title)).all()


def by_name(session: Session, name: str) -> Provider | None:
    return session.scalar(select(Provider).where(Provider.name == name))


def named(session: Session, name: str) -> Provider:
    """The provider, or NoSuchProvider."""
    provider = by_name(session, name)
    if provider is None:
        raise NoSuchProvider(f"Asked for: {name!r}.")
    return provider


def issuer_of(provider: Provider) -> Issuer:
    """The provider as the protocol sees it; reads its secret."""
    secret = ""
    if provider.secret_file:
        try:
            secret = Path(provider.secret_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ProviderUnreachable("The file with its secret cannot be read.") from error
    return Issuer(provider.issuer, provider.client_id, secret, provider.scopes)


def begin(session: Session, name: str, browser: str, next_page: str, *, now: datetime) -> Begun:
    """Notes that a browser goes to a provider. `browser` is the secret of its cookie."""
    provider = named(session, name)
    begun = Begun(provider, secrets.new_token(), secrets.new_token(), secrets.new_token())
    session.execute(delete(SignInAttempt).where(SignInAttempt.created_at < now - ATTEMPT_LIFE))
    session.add(
        SignInAttempt(
            state_hash=secrets.digest(begun.state),
            provider_id=provider.id,
            browser_hash=secrets.digest(browser),
            nonce=begun.nonce,
            verifier=begun.verifier,
            next=next_page,
            created_at=now,
        )
    )
    return begun


def take_attempt(
    session: Session, name: str, state: str, browser: str, *, now: datetime
) -> SignInAttempt:
    """The attempt of this browser that a state stands for, which is used up by it."""
    attempt = session.get(SignInAttempt, secrets.digest(state))
    if attempt is None:
        raise AttemptUnknown
    session.delete(attempt)
    session.flush()
    provider = named(session, name)
    if attempt.provider_id != provider.id or now - attempt.created_at > ATTEMPT_LIFE:
        raise AttemptUnknown
    if attempt.browser_hash != secrets.digest(browser):
        raise AttemptUnknown
    return attempt


def enter(
    session: Session,
    provider: Provider,
    claims: Mapping[str, Any],
    id_token: str,
    *,
    address: str,
    now: datetime,
) -> str:
    """A session for whom the claims are about: the id for the cookie. NotKnownHere when the
    register has nobody for them, when they have left, or when they are disabled."""
    one_at_a_time(session, "sign in")
    user = _user_of(session, provider, claims, now)
    usable = session.scalar(select(User.id).where(User.id == user.id, can_sign_in()))
    if usable is None:
        raise NotKnownHere("Your account is disabled, or you have left.")
    roles = roles_of(provider, claims)
    actor = Actor(
        user.email,
        Channel.WEB,
        Assurance.SIGNED_IN,
        person_id=user.person_id,
        user_id=user.id,
        address=address,
    )
    session_id = sessions.open_session(Act(session, actor, now), user, address=address)
    opened = session.get_one(WebSession, secrets.digest(session_id))
    opened.provider_id, opened.provider_roles = provider.id, sorted(roles)
    opened.provider_session = str(claims.get("sid") or "")
    opened.id_token = id_token
    return session_id


def roles_of(provider: Provider, claims: Mapping[str, Any]) -> frozenset[Role]:
    """The roles of the groups that a token names, as an administrator mapped them. Groups are a
    list, one text, or distinguished names."""
    stated = claims.get(provider.groups_claim)
    groups = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    names = {name for group in groups if isinstance(group, str) for name in _names_of(group)}
    mapped = {group.casefold(): role for group, role in provider.group_roles.items()}
    return frozenset(Role(mapped[name]) for name in names if name in mapped)


def _names_of(group: str) -> tuple[str, ...]:
    """A group's name as it is, and the first part of a distinguished name."""
    whole = group.strip().casefold()
    first = whole.partition(",")[0]
    kind, equals, value = first.partition("=")
    return (whole, value) if equals and kind in ("cn", "ou") else (whole,)


def _user_of(
    session: Session, provider: Provider, claims: Mapping[str, Any], now: datetime
) -> User:
    subject = str(claims["sub"])
    here = (ProviderAccount.provider_id == provider.id, ProviderAccount.subject == subject)
    known = session.scalar(
        select(User).join(ProviderAccount, ProviderAccount.user_id == User.id).where(*here)
    )
    if known is not None:
        return known
    email = str(claims.get(provider.email_claim) or "").strip().lower()
    if "@" not in email:
        raise NotKnownHere("Your company's answer has no mail address.")
    if claims.get("email_verified") is not True and not provider.trusts_email:
        raise NotKnownHere("Your company has not verified your mail address.")
    user = session.scalar(select(User).where(User.email == email))
    person = session.scalar(select(Person).where(Person.email == email, Person.active))
    if user is None:
        if person is None:
            raise NotKnownHere(f"Nobody has the address {email}.")
        user = _new_user(session, person, now)
    taken = select(ProviderAccount.id).where(
        ProviderAccount.provider_id == provider.id, ProviderAccount.user_id == user.id
    )
    if session.scalar(taken) is not None:
        raise NotKnownHere(f"Another account of your company has the address {email}.")
    session.add(
        ProviderAccount(provider_id=provider.id, subject=subject, user_id=user.id, linked_at=now)
    )
    session.flush()
    return user


def _new_user(session: Session, person: Person, now: datetime) -> User:
    """Somebody of the register who signs in for the first time: no password, no roles."""
    user = User(
        email=person.email,
        name=person.name,
        password_hash=NO_PASSWORD,
        roles=[],
        active=True,
        created_at=now,
        person_id=person.id,
    )
    session.add(user)
    session.flush()
    return user


def end_by_token(session: Session, provider: Provider, claims: Mapping[str, Any]) -> int:
    """Ends the sessions that a verified logout token names; how many. A token counts once."""
    one_at_a_time(session, "sign in")
    now = clock.now()
    session.execute(delete(EndedLogoutToken).where(EndedLogoutToken.expires_at < now))
    number = f"{provider.id}:{claims['jti']}"
    if session.get(EndedLogoutToken, number) is not None:
        raise BadInput("This logout token was used already.")
    session.add(EndedLogoutToken(token_id=number, expires_at=now + timedelta(days=1)))
    where = [WebSession.provider_id == provider.id]
    if claims.get("sid"):
        where.append(WebSession.provider_session == str(claims["sid"]))
    if claims.get("sub"):
        mine = select(ProviderAccount.user_id).where(
            ProviderAccount.provider_id == provider.id,
            ProviderAccount.subject == str(claims["sub"]),
        )
        where.append(WebSession.user_id.in_(mine))
    ended = session.scalars(delete(WebSession).where(*where).returning(WebSession.id_hash)).all()
    return len(ended)


def passwords_are_for_administrators(session: Session) -> bool:
    """Whether a provider is the only way in for everybody else."""
    return session.scalar(select(Provider.id).where(Provider.is_only).limit(1)) is not None
