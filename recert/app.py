"""The one file that knows all packages: puts the application together."""

from urllib.parse import urlsplit

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from recert import web
from recert.campaigns.decisions.mail_replies import ReplyHandling
from recert.campaigns.mailing import Letterhead
from recert.campaigns.triggers.micro_campaigns import Desk
from recert.foundation import secrets
from recert.foundation.db import Database
from recert.foundation.parallel import Jobs
from recert.foundation.settings import Settings
from recert.inventory.recordings import RecordingStore
from recert.jobs import scheduler
from recert.jobs.ticks import Works
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
    works = Works(
        db=db or Database(settings.database_url),
        post=Post(app, settings.mail),
        head=Letterhead.of(settings),
        replies=ReplyHandling(settings.replies, Letterhead.of(settings))
        if settings.replies
        else None,
        recording_store=RecordingStore(settings.recordings),
        recording_days=settings.recording_days,
        checkpoints=settings.checkpoints,
        keys=settings.keys,
        desk=Desk(settings.zone, settings.undo_minutes) if settings.micro_reviews else None,
        servers=Jobs(settings.servers_at_once),
    )
    app.extensions["recert.settings"] = settings
    app.extensions["recert.db"] = works.db
    app.extensions["recert.works"] = works
    web.register(app)
    return app


def _hosts(base_url: str) -> list[str]:
    """The names under which requests are answered; another one in a request is refused."""
    host = urlsplit(base_url).hostname or ""
    loopback = ["localhost", "127.0.0.1"]
    return loopback if host in loopback else [host]


def start_worker(app: Flask) -> BackgroundScheduler:
    """Starts the ticks of an application; `shutdown()` stops them."""
    return scheduler.start(app.extensions["recert.works"])
