"""The one file that knows all packages: puts the application together."""

from typing import Any
from urllib.parse import urlsplit

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from recert import api, web
from recert.campaigns.decisions.mail_replies import ReplyHandling
from recert.campaigns.mailing import Letterhead
from recert.foundation import secrets
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext
from recert.foundation.jobs.threads import Threads
from recert.foundation.settings import Settings
from recert.jobs import scheduler
from recert.mail.smtp import Post

MAX_BODY = 8 * 1024 * 1024


def create_app(settings: Settings, db: Database | None = None) -> Flask:
    """The web application with everything it works with."""
    app = Flask("recert", template_folder=str(web.TEMPLATES), static_folder=str(web.STATIC))
    app.config.update(
        SECRET_KEY=secrets.session_key(settings.keys),
        SESSION_COOKIE_NAME="__Host-recert" if settings.secure_cookies else "recert",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=_hosts(settings.base_url),
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        WTF_CSRF_TIME_LIMIT=None,  # a review page may stay open over lunch
        WTF_CSRF_SSL_STRICT=True,
    )
    if settings.proxies:  # the addresses that this many proxies vouch for, and no others
        count = settings.proxies
        proxied = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0, x_prefix=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    context = JobContext(
        db=db or Database(settings.database_url),
        settings=settings,
        servers=Threads(settings.servers_at_once),
        services=_services(app, settings),
    )
    app.extensions["recert.settings"] = settings
    app.extensions["recert.db"] = context.db
    app.extensions["recert.job_context"] = context
    web.register(app)
    api.register(app)
    return app


def _services(app: Flask, settings: Settings) -> dict[type[Any], Any]:
    """What jobs need and only the application can make: the way to the mail server, and the reader
    of replies, which remembers when it looks again."""
    services: dict[type[Any], Any] = {Post: Post(app, settings.mail)}
    if settings.replies:
        services[ReplyHandling] = ReplyHandling(settings.replies, Letterhead.of(settings))
    return services


def _hosts(base_url: str) -> list[str]:
    """The names under which requests are answered; another one in a request is refused."""
    host = urlsplit(base_url).hostname or ""
    loopback = ["localhost", "127.0.0.1"]
    return loopback if host in loopback else [host]


def start_worker(app: Flask) -> BackgroundScheduler:
    """Starts the ticks of an application; `shutdown()` stops them."""
    return scheduler.start(app.extensions["recert.job_context"])
