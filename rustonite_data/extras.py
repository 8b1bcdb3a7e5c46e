"""Optional packages: which extra brings which, and whether they are here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata

# What can be done with an extra.
ABOUT = {
    "arrow": "rows of tapes as pyarrow tables",
    "polars": "rows of tapes as Polars frames",
    "lake": "lakes: record into them, SQL, Polars, maintenance; the demo",
    "distributed": "lakes on Daft and Ray",
    "imports": "import of Databento and Excel files",
}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*extra\s*==\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True)
class Extra:
    """An extra, and its packages that are not here."""

    name: str
    packages: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install 'rustonite[{self.name}]'"


def extras() -> list[Extra]:
    """All extras, as the installed package names them; none if it is not installed as one."""
    try:
        wanted = metadata.requires("rustonite") or []
    except metadata.PackageNotFoundError:
        return []
    found: dict[str, list[str]] = {}
    for requirement in filter(None, map(_REQUIREMENT.match, wanted)):
        found.setdefault(requirement[2], []).append(requirement[1])
    return [
        Extra(name, tuple(packages), tuple(one for one in packages if not _is_here(one)))
        for name, packages in found.items()
    ]


def how_to_get(module: str) -> str:
    """What installs a module that is not here; whoever asks for a lake needs all of its packages.

    Example:
        >>> how_to_get("no_such_module")
        'pip install no_such_module'
    """
    name = module.partition(".")[0]
    for extra in sorted(extras(), key=lambda one: one.name != "lake"):
        if name in {one.replace("-", "_") for one in extra.packages}:
            return extra.command
    return f"pip install {name}"


def _is_here(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
