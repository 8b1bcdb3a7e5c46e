"""The container is made of what the tree is made of. `make lint` looks at its form."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ALLOWED = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)


def test_it_builds_with_our_compiler():
    toolchain = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]
    assert f"FROM rust:{toolchain['channel']}-" in DOCKERFILE


def test_images_are_pinned():
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert images
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-slim-\w+", image) for image in images)


def test_it_runs_without_rights_and_says_whether_it_is_well():
    _, _, last = DOCKERFILE.rpartition("FROM ")
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", last, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", last, re.MULTILINE)


def test_everything_that_a_wheel_is_made_of_gets_in():
    assert [path for path in ALLOWED if not (ROOT / path).exists()] == []
    members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
    assert {Path(one).parts[0] for one in members} <= {Path(one).parts[0] for one in ALLOWED}
    maturin = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["maturin"]
    assert set(maturin["python-packages"]) <= set(ALLOWED)
