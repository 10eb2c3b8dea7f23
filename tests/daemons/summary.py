"""One line for each kind at the end of the session, added up over all workers."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Added up from what the tests of all workers reported."""
    totals: dict[str, Counter[str]] = {}
    refusals: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "daemon" and getattr(report, "when", "") == "teardown":
                    kind, facts = value
                    reasons = facts.pop("refusals")
                    totals.setdefault(kind, Counter()).update(facts)
                    refusals.setdefault(kind, Counter()).update(reasons)
    for kind, total in sorted(totals.items()):
        terminalreporter.write_line(
            f"{kind}: {total['cells']} cells compared with real clients, {total['wrong']} wrong, "
            f"{total['widened']} marked as possibly too wide; "
            f"{total['revocations']} changes carried out, {total['undone']} undone, "
            f"{total['declined']} declined, {total['side_effects']} with side effects, "
            f"{total['left']} groups left"
        )
        for reason, count in refusals[kind].most_common(6):
            terminalreporter.write_line(f"    {count} x {reason}")
