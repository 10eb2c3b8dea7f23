"""Measures the structure of the code and compares it with the ceilings of structure.toml.

    python scripts/structure.py            what was measured; code 1 when a ceiling is exceeded
    python scripts/structure.py --list     also every place that counts against a ceiling

A ceiling is lowered when the code got better and never raised to let something through.
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONG_FUNCTION, MANY_PARAMETERS, MANY_MODULES, WIDE_CLI = 50, 8, 15, 20
# Names and prose of an earlier vocabulary; docs/architecture.md has the words used now.
OLD_WORDS = (
    *("door", "room", "verb", "silence", "brake", "wave", "second word", "second look", "contest"),
    *("places", "given", "seen", "told", "said", "word", "letter", "bulletin", "desk", "shelf"),
    *("tape", "figures", "ladder"),
)
# Names of libraries and standards that hold such a word: they are not counted.
FOREIGN_NAMES = {"break_long_words", "given_name"}


@dataclass
class Module:
    """One file of the product."""

    name: str
    file: Path

    @cached_property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.file))

    @property
    def package(self) -> str:
        return self.name if self.file.name == "__init__.py" else self.name.rpartition(".")[0]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def imports(self) -> set[str]:
        """The modules of the product that it imports, as far as their names tell."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                full = {f"{node.module}.{one.name}" for one in node.names}
                found |= {one if one in modules() else node.module for one in full}
            elif isinstance(node, ast.Import):
                found |= {one.name for one in node.names}
        return found

    def comments(self) -> int:
        """Lines that hold a comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return sum(1 for token in tokens if token.type == tokenize.COMMENT)


@dataclass
class Measure:
    """One number, and the places that make it up, the worst first."""

    value: float
    places: list[str] = field(default_factory=list)


@cache
def modules() -> dict[str, Module]:
    """All modules of the product by their dotted names."""
    found: dict[str, Module] = {}
    for file in sorted((ROOT / "recert").rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, file)
    return found


@cache
def edges() -> dict[str, set[str]]:
    """Which module imports which."""
    known = modules()
    return {
        name: {other for other in module.imports() if other in known and other != name}
        for name, module in known.items()
    }


def widths() -> dict[str, int]:
    """How many modules stand side by side in each package."""
    counts = Counter(m.package for m in modules().values() if m.file.name != "__init__.py")
    return dict(counts)


def wide_packages() -> Measure:
    wide = {
        package: count
        for package, count in widths().items()
        if count > (WIDE_CLI if package == "recert.cli" else MANY_MODULES)
    }
    ordered = sorted(wide.items(), key=lambda one: -one[1])
    return Measure(len(wide), [f"{package}: {count} modules" for package, count in ordered])


def longest_chain() -> Measure:
    """The longest chain of imports inside one package."""
    chains = []
    for package in widths():
        inside = {name for name, m in modules().items() if m.package == package and name != package}
        depth: dict[str, int] = {}

        def of(name: str, inside: set[str] = inside, depth: dict[str, int] = depth) -> int:
            if name not in depth:
                depth[name] = 1  # ends a circle, which another guard refuses
                depth[name] = 1 + max((of(one) for one in edges()[name] & inside), default=0)
            return depth[name]

        chains.append((max(of(name) for name in inside), package))
    chains.sort(reverse=True)
    return Measure(chains[0][0], [f"{package}: {length}" for length, package in chains[:10]])


def fan_out() -> Measure:
    """The most modules of the product that one module imports."""
    files = {name: len({o for o in found if o in modules()}) for name, found in edges().items()}
    worst = sorted(((count, name) for name, count in files.items()), reverse=True)
    return Measure(worst[0][0], [f"{name}: {count}" for count, name in worst[:10]])


def long_functions() -> Measure:
    found = []
    for module in modules().values():
        for node in module.functions():
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONG_FUNCTION:
                found.append((lines, f"{module.name}.{node.name}: {lines} lines"))
    found.sort(reverse=True)
    return Measure(len(found), [text for _, text in found])


def many_parameters() -> Measure:
    found = []
    for module in modules().values():
        for node in module.functions():
            names = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([one for one in names if one.arg not in ("self", "cls")])
            if count > MANY_PARAMETERS:
                found.append((count, f"{module.name}.{node.name}: {count} parameters"))
    found.sort(reverse=True)
    return Measure(len(found), [text for _, text in found])


def twice_named_classes() -> Measure:
    """Public class names that one package defines twice."""
    where: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for module in modules().values():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[module.package, node.name].append(module.name)
    twice = {key: names for key, names in where.items() if len(names) > 1}
    return Measure(len(twice), [f"{name}: {', '.join(n)}" for (_, name), n in twice.items()])


def old_words() -> Measure:
    """Words of the earlier vocabulary in names, docstrings and comments of the product."""
    places = []
    for module in modules().values():
        places += [f"{module.name}:{line}: {word}" for line, word in old_words_of(module.text)]
    return Measure(len(places), places)


def old_words_of(text: str) -> Iterator[tuple[int, str]]:
    """(line, word) of each old word in names, docstrings and comments. Other strings are not
    counted: a value or key that data, settings or commands carry stays valid."""
    words = "|".join(word.replace(" ", "[ _]") for word in OLD_WORDS)
    pattern = re.compile(rf"(?<![a-z])(?:{words})s?(?![a-z])", re.IGNORECASE)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(text)
    nodes = [node for node in ast.walk(tree) if isinstance(node, documented)]
    docstrings = {node.body[0].lineno for node in nodes if ast.get_docstring(node) is not None}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and token.start[0] in docstrings
        if token.type in (tokenize.NAME, tokenize.COMMENT) or is_docstring:
            # The parts of CamelCase names as words of their own.
            prose = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", token.string)
            if token.string not in FOREIGN_NAMES:
                for found in pattern.finditer(prose):
                    yield token.start[0] + prose[: found.start()].count("\n"), found[0]


def comment_density() -> Measure:
    """Comments per 100 lines; a floor, not a ceiling."""
    lines = sum(len(m.text.splitlines()) for m in modules().values())
    comments = sum(m.comments() for m in modules().values())
    return Measure(round(100 * comments / lines, 1))


def lines_of(folder: str) -> int:
    files = (ROOT / folder).rglob("*.py")
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


CEILINGS = {
    "wide_packages": wide_packages,
    "longest_chain": longest_chain,
    "fan_out": fan_out,
    "long_functions": long_functions,
    "many_parameters": many_parameters,
    "twice_named_classes": twice_named_classes,
    "old_words": old_words,
}


def main() -> int:
    ceilings = tomllib.loads((ROOT / "scripts" / "structure.toml").read_text())["ceilings"]
    too_much = False
    for name, measure in CEILINGS.items():
        found, ceiling = measure(), ceilings[name]
        over = found.value > ceiling
        too_much |= over
        mark = "  EXCEEDED" if over else ""
        print(f"{name:<22}{found.value:>8g}  ceiling {ceiling}{mark}")
        if over or "--list" in sys.argv:
            for place in found.places:
                print(f"    {place}")
    print(f"{'comments per 100 lines':<22}{comment_density().value:>8g}")
    print(f"{'lines of the product':<22}{lines_of('recert'):>8g}")
    print(f"{'lines of tests':<22}{lines_of('tests'):>8g}")
    return 1 if too_much else 0


if __name__ == "__main__":
    sys.exit(main())
