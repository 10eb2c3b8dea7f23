"""Which modules define which command, and its line in the help: all of them loaded at once would
make every call wait for two seconds. A test compares the lines with the commands themselves."""

from importlib import import_module

MODULES: dict[str, tuple[str, ...]] = {
    "activity": ("activity",),
    "audit": ("audit",),
    "change-items": ("identity.interfaces",),
    "campaign": ("lists.campaigns", "campaigns", "conduct"),
    "db": ("system",),
    "decide": ("campaigns",),
    "delegate": ("exclusions",),
    "diff": ("servers",),
    "doctor": ("system",),
    "embedded": ("embedded",),
    "emergency": ("emergency",),
    "evidence": ("evidence",),
    "exclusion": ("exclusions",),
    "grants": ("servers",),
    "instruction": ("conduct",),
    "late": ("orders",),
    "order": ("lists.orders", "orders"),
    "owners": ("people",),
    "people": ("people",),
    "postpone": ("conduct",),
    "provider": ("identity.providers",),
    "schedule": ("schedules",),
    "separation": ("system",),
    "server": ("lists.servers", "connection_test", "servers", "activity"),
    "snapshot": ("snapshots",),
    "token": ("identity.interfaces",),
    "trail": ("system",),
    "user": ("system", "lists.users"),
    "web": ("system",),
    "worker": ("system",),
}

# Actions that are typed all day, or that need what the others of their noun do not, and the one
# module that is enough for them.
ACTIONS: dict[tuple[str, str], str] = {
    ("campaign", "list"): "lists.campaigns",
    ("order", "list"): "lists.orders",
    ("server", "list"): "lists.servers",
    ("server", "test"): "connection_test",
    ("user", "list"): "lists.users",
}

GROUPS = frozenset(noun for noun, _ in ACTIONS)

HELP: dict[str, str] = {
    "activity": "What accounts did: transfer logs.",
    "audit": "Samples, remarks and verdicts of the auditor; what nobody...",
    "campaign": "Access reviews.",
    "change-items": "Show what a governance suite asked for, newest first,...",
    "db": "The database.",
    "decide": "Answer an ITEM on behalf of its reviewer.",
    "delegate": "Let STAND_IN answer for PRINCIPAL (mail addresses) until...",
    "diff": "Show what came and what went between two snapshots.",
    "doctor": "Check this installation and say what to do about each...",
    "embedded": "Recert's own small FTP server.",
    "emergency": "Accounts that are kept for emergencies: not used is...",
    "evidence": "Packages for the auditor.",
    "exclusion": "Access that reviews leave out for a time.",
    "grants": "Show what every account can do in every folder, from the...",
    "instruction": "The instruction that reviewers read before they answer.",
    "late": "Who sees to changes that are late (`recert campaign late`...",
    "order": "Changes of servers: what is wanted, planned, done and...",
    "owners": "Who answers for which folder, group or service account.",
    "people": "Persons, as the identity system knows them.",
    "postpone": "Put an ITEM off for its reviewer: once, and only where...",
    "provider": "Identity providers that people sign in with (OpenID...",
    "schedule": "Reviews that are launched by the calendar.",
    "separation": "Steps that need two people.",
    "server": "FTP servers that Recert looks after.",
    "snapshot": "Look at servers; read a look again from its recording.",
    "token": "Access tokens: an identity system uses the interface with...",
    "trail": "The audit trail.",
    "user": "People who can sign in to Recert.",
    "web": "Serve the web pages, with the background worker in a...",
    "worker": "Run the worker alone: snapshots, mails, orders, reminders.",
}


def load(noun: str) -> None:
    """Loads what defines a command, which registers itself."""
    for module in MODULES.get(noun, ()):
        import_module(f"recert.cli.{module}")


def load_action(noun: str, action: str) -> None:
    """Loads what defines one action of a noun; for one without a line of its own, all of them."""
    if (noun, action) in ACTIONS:
        import_module(f"recert.cli.{ACTIONS[noun, action]}")
    else:
        load(noun)
