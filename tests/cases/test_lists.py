"""The lists in docs name tests that exist, and every test of a case stands in a list."""

import re
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
LISTS = {
    "edge-cases.md": ("reviewers", "access", "answers"),
    "audit-criteria.md": ("criteria",),
}


def defined(theme: str) -> set[str]:
    (file,) = HERE.glob(f"test_*_{theme}.py")
    return set(re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))


def named(page: str) -> set[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return set(re.findall(r"`(test_\w+)`", text))


def test_each_list_and_its_tests_are_the_same() -> None:
    for page, themes in LISTS.items():
        assert named(page) == set().union(*map(defined, themes)), page


def test_every_criterion_has_its_line() -> None:
    numbers = re.findall(r"^\| A(\d+) \|", (DOCS / "audit-criteria.md").read_text(), re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, 36))


def test_what_has_no_test_says_why() -> None:
    for page in LISTS:
        for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            is_row = line.startswith("| ") and len(cells) > 2 and cells[-1] == ""
            if is_row and "**" not in line:
                assert re.search(r"\b(no|not met|in part)\b", line, re.IGNORECASE), line
