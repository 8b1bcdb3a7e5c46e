"""Rules about the source itself."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
RUST = sorted(NATIVE.glob("**/*.rs"))
LAYERS = [
    "py",
    "trade",
    "feed",
    "exchange",
    "exec",
    "sim",
    "risk",
    "lake",
    "book",
    "wire",
    "tape",
    "core",
]
UNSAFE_ALLOWED = (NATIVE / "tape", NATIVE / "py" / "src" / "capsule.rs")


def code(path):
    """Rust source without its line comments."""
    return re.sub(r"//.*", "", path.read_text())


def test_native_classes_are_frozen():
    for path in RUST:
        for attribute in re.findall(r"#\[pyclass\b[^\]]*\]", code(path)):
            assert re.search(r"\bfrozen\b", attribute), f"{path}: {attribute} without `frozen`"


def test_unsafe_has_two_homes():
    for path in RUST:
        if re.search(r"\bunsafe\b|allow\(unsafe_code\)", code(path)):
            assert any(path.is_relative_to(home) for home in UNSAFE_ALLOWED), path


@pytest.mark.parametrize("crate", sorted(path.parent.name for path in NATIVE.glob("*/Cargo.toml")))
def test_crates_only_use_those_below(crate):
    manifest = tomllib.loads((NATIVE / crate / "Cargo.toml").read_text())
    tables = [manifest, *manifest.get("target", {}).values()]
    kinds = ("dependencies", "dev-dependencies", "build-dependencies")
    used = {name for table in tables for kind in kinds for name in table.get(kind, {})}
    ours = [name.removeprefix("rustonite-") for name in used if name.startswith("rustonite-")]
    below = LAYERS[LAYERS.index(crate) + 1 :]
    assert set(ours) <= set(below), f"{crate} uses {ours}; below it are {below}"


# Spelled so that this file does not match itself.
MACHINE = re.compile(
    r"/wor[k]/|/roo[t]/|/hom[e]/\w|/opt/whee[l]s|/Use[r]s/\w"
    r"|index-ur[l]|find-lin[k]s|\[sourc[e]\.|artifactor[y]|https?://[^\s/]*(?:pyp[i]|cargo-prox[y]|mirro[r])"
)


def test_tracked_files_name_no_machine_and_no_registry():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            assert not MACHINE.search(line), f"{name}:{number}: {line.strip()}"
