"""Permission exports (CSV) of products that have no connector of their own."""

from collections.abc import Mapping
from pathlib import Path

from recert.connectors.contract import Connector, SettingsInvalid
from recert.connectors.csv_export.change_list import change_list, is_row, row_of
from recert.connectors.csv_export.connector import CsvConnector
from recert.connectors.environment import REAL, World

__all__ = ["change_list", "connect", "is_row", "row_of"]


def connect(settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of the export named by `file`. Opens nothing yet."""
    if not settings.get("file"):
        raise SettingsInvalid("Set `file` to the full path of the CSV export.")
    return CsvConnector(
        Path(settings["file"]),
        complete=_yes_or_no("complete", settings.get("complete", "")),
        case_sensitive=_yes_or_no(
            "case_sensitive_users", settings.get("case_sensitive_users") or "yes"
        ),
        world=world,
    )


def _yes_or_no(key: str, text: str) -> bool:
    """Empty means no: the safe side of `complete`."""
    answer = text.strip().lower()
    if answer not in ("yes", "no", ""):
        raise SettingsInvalid(f"Set `{key}` to yes or no, not {text!r}.")
    return answer == "yes"
