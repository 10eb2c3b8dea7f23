"""The facts read about one daemon: its configuration, its servers and its account sources."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recert.connectors.proftpd.access.login_rules import Facts
from recert.connectors.proftpd.configuration.files import Configuration
from recert.connectors.proftpd.configuration.listeners import Layout


@dataclass
class Known:
    """What Recert knows about one daemon after reading it."""

    configuration: Configuration
    layout: Layout
    facts: Facts
    loaded: set[str]
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    account_files: set[str] = field(default_factory=set)
    prefix: str = ""  # where the daemon's own programs live
    settings: Mapping[str, str] = field(default_factory=dict)
