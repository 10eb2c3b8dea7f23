"""Files that state the access of the cast: Alice, Bob and Charlie."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conformance import canonical, document


@pytest.fixture
def permission_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes (or rewrites) the permission file; its files lie beside it in `files`."""

    def write(accounts: dict[str, Any], groups: dict[str, Any] | None = None) -> Path:
        file = tmp_path / "permissions.json"
        (tmp_path / "files").mkdir(exist_ok=True)
        fresh = tmp_path / "fresh"
        fresh.write_text(canonical(document(accounts, groups)), encoding="utf-8")
        fresh.rename(file)
        return file

    return write
