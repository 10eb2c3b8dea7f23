"""Configuration from the environment."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import config
from recert.foundation.settings import MailSettings, ReplySettings, SettingMissing


class TestAnEmptyEnvironment:
    def test_it_gives_the_defaults(self) -> None:
        settings = config.load({})
        home = Path("instance").resolve()
        assert settings.home == home
        assert settings.database_url == f"sqlite:///{home / 'recert.sqlite3'}"
        assert settings.base_url == "http://127.0.0.1:8000"
        assert settings.mail == MailSettings()
        assert (settings.zone, settings.undo_minutes) == (ZoneInfo("UTC"), 60)
        assert (settings.micro_reviews, settings.certified_days) == (True, 92)
        assert settings.keys == home / "keys"
        assert not settings.secure_cookies

    def test_an_empty_variable_is_the_same_as_none(self) -> None:
        names = ("RECERT_HOME", "DATABASE_URL", "RECERT_BASE_URL", "RECERT_TIMEZONE")
        assert config.load(dict.fromkeys((*names, "RECERT_MAIL_PORT"), "")) == config.load({})


class TestEveryVariable:
    def test_it_is_read(self, tmp_path: Path) -> None:
        ca = tmp_path / "ca.pem"
        ca.write_text("x")
        settings = config.load(
            {
                "RECERT_HOME": str(tmp_path),
                "DATABASE_URL": "postgresql://recert@db/recert",
                "RECERT_BASE_URL": "https://recert.example/",
                "RECERT_TIMEZONE": "Europe/Berlin",
                "RECERT_UNDO_MINUTES": "0",
                "RECERT_MICRO_REVIEWS": "off",
                "RECERT_CERTIFIED_DAYS": "30",
                "RECERT_MAIL_SERVER": "mail.example",
                "RECERT_MAIL_PORT": "587",
                "RECERT_MAIL_SECURITY": "starttls",
                "RECERT_MAIL_CA_FILE": str(ca),
                "RECERT_MAIL_USERNAME": "recert",
                "RECERT_MAIL_PASSWORD": "secret",
                "RECERT_MAIL_SENDER": "recert@house.example",
                "RECERT_LANGUAGE": "de",
                "RECERT_IMAP_SERVER": "imap.example",
                "RECERT_IMAP_SECURITY": "starttls",
                "RECERT_IMAP_CA_FILE": str(ca),
                "RECERT_IMAP_USERNAME": "box",
                "RECERT_IMAP_PASSWORD": "secret",
                "RECERT_IMAP_FOLDER": "Replies",
                "RECERT_REPLY_ADDRESS": "answers@house.example",
                "RECERT_AUTHSERV_ID": "mx.house.example",
            }
        )
        assert (settings.home, settings.undo_minutes) == (tmp_path, 0)
        assert (settings.micro_reviews, settings.certified_days) == (False, 30)
        assert settings.database_url == "postgresql://recert@db/recert"
        assert settings.base_url == "https://recert.example"
        assert settings.secure_cookies
        assert settings.zone == ZoneInfo("Europe/Berlin")
        assert settings.mail == MailSettings(
            "mail.example",
            587,
            "starttls",
            str(ca),
            "recert",
            "secret",
            "recert@house.example",
            reply_to="answers@house.example",
        )
        assert settings.language == "de"
        assert settings.replies == ReplySettings(
            "imap.example",
            143,
            "starttls",
            str(ca),
            "box",
            "secret",
            "Replies",
            "mx.house.example",
        )


class TestABadValue:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DATABASE_URL", "mysql://recert@db/recert"),
            ("DATABASE_URL", "not a url"),
            ("RECERT_BASE_URL", "recert.example"),
            ("RECERT_BASE_URL", "ftp://recert.example"),
            ("RECERT_BASE_URL", "http://"),
            ("RECERT_BASE_URL", "https://recert.example/?page=1"),
            ("RECERT_TIMEZONE", "Mars/Base"),
            ("RECERT_TIMEZONE", "Europe"),
            ("RECERT_TIMEZONE", "../../etc/passwd"),
            ("RECERT_TIMEZONE", "x" * 300),
            ("RECERT_UNDO_MINUTES", "-1"),
            ("RECERT_UNDO_MINUTES", "soon"),
            ("RECERT_UNDO_MINUTES", "²"),
            ("RECERT_UNDO_MINUTES", "99999999999999"),
            ("RECERT_MICRO_REVIEWS", "yes"),
            ("RECERT_CERTIFIED_DAYS", "0"),
            ("RECERT_MAIL_PORT", "0"),
            ("RECERT_MAIL_PORT", "65536"),
            ("RECERT_MAIL_PORT", "smtp"),
            ("RECERT_MAIL_SECURITY", "ssl"),
            ("RECERT_MAIL_CA_FILE", "/nowhere/ca.pem"),
            ("RECERT_LANGUAGE", "fr"),
            ("RECERT_MAIL_SENDER", "recert"),
            ("RECERT_MAIL_SENDER", "Recert <recert@house.example>"),
            ("RECERT_MAIL_SENDER", "a@b\nBcc: c@d"),
        ],
    )
    def test_it_names_its_variable(self, name: str, value: str) -> None:
        with pytest.raises(SettingMissing, match=name):
            config.load({name: value})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("RECERT_IMAP_PORT", "0"),
            ("RECERT_IMAP_SECURITY", "none"),
            ("RECERT_IMAP_CA_FILE", "/nowhere/ca.pem"),
            ("RECERT_REPLY_ADDRESS", "recert"),
        ],
    )
    def test_of_the_mailbox_it_names_its_variable(self, name: str, value: str) -> None:
        with pytest.raises(SettingMissing, match=name):
            config.load({"RECERT_IMAP_SERVER": "imap.example", name: value})

    def test_the_password_of_the_database_is_never_shown(self) -> None:
        with pytest.raises(SettingMissing) as refusal:
            config.load({"DATABASE_URL": "oracle://recert:secret@db"})
        assert "secret" not in str(refusal.value)
