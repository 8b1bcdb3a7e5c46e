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


DESK = {NATIVE / "trade/src/desk.rs", *(NATIVE / "trade/src/desk").glob("*.rs")}
# Who may name a gateway: those that speak to venues, the desk, and what hands it to the desk.
GATEWAY_HOMES = {NATIVE / "trade/src/trader/building.rs", *DESK}
IN_TESTS = re.compile(r"#\[cfg\(test\)\]\s*mod \w+ \{.*", re.DOTALL)


def shipped():
    """Rust source that is not of tests or benchmarks, by path, without comments."""
    kinds = {"tests", "benches", "examples"}
    for path in RUST:
        parts = path.relative_to(NATIVE).parts
        if not kinds & {*parts, path.stem} and not path.stem.endswith("_tests"):
            yield path, IN_TESTS.sub("", code(path))


def functions_with(text, pattern):
    """Names of the functions in which a pattern is found, once for each time."""
    found = []
    for body in re.split(r"\bfn (?=\w+)", text)[1:]:
        found += [re.match(r"\w+", body)[0]] * len(re.findall(pattern, body))
    return found


def test_no_request_reaches_a_gateway_but_through_the_desk():
    gateways = NATIVE / "exec/src/gateway"
    sources = {path: text for path, text in shipped() if not path.is_relative_to(gateways)}
    name = r"\bGateway\b|gateway::\w+::"
    named = {path for path, text in sources.items() if re.search(name, text)}
    assert named <= GATEWAY_HOMES, named - GATEWAY_HOMES
    writes = {
        path.name: found
        for path in named
        if (found := functions_with(sources[path], r"(?:\.|\bGateway::)write\("))
    }
    assert writes == {"account.rs": ["send"]}
    together = r"\.write_many\("
    found = {path.name: functions_with(sources[path], together) for path in named}
    assert {name: found[name] for name in found if found[name]} == {"account.rs": ["send_many"]}
    # Requests get there from two places: with a pass of the risk layer, and as questions. What the
    # account kept of them goes out later, each once.
    pattern = r"\.send(?:_many)?\(&?requests?, now\)"
    sends = {
        path.name: found
        for path in DESK
        if path in sources and (found := functions_with(sources[path], pattern))
    }
    assert sends == {
        "desk.rs": ["send", "send_many"],
        "incoming.rs": ["query"],
        "account.rs": ["send_many", "send_waiting", "send_waiting"],
    }
    desk = sources[NATIVE / "trade/src/desk.rs"]
    signatures = [" ".join(one.split()) for one in re.findall(r"\bfn send\(([^)]*)\)", desk)]
    takes = "&mut self, intent: &Intent, pass: Pass, request: &Request,"
    assert any(one.startswith(takes) for one in signatures), signatures
    # What leaves together has used up its passes one by one.
    pushes = functions_with(desk, r"leaving\.push\(")
    assert pushes == ["leave"]
    leave = next(body for body in re.split(r"\bfn ", desk) if body.startswith("leave("))
    assert "pass: Pass" in leave
    assert "self.risk.sent(intent, &pass, now)" in leave
    query = re.split(r"\bfn ", sources[NATIVE / "trade/src/desk/incoming.rs"])
    query = next(body for body in query if body.startswith("query("))
    assert "let Ok(request) = self.ledger.query(order)" in query
    # What is on the lines was written by a gateway: only the account has the outbox.
    sent = r"\boutbox\s*\.send(?:_of)?\("
    boxes = {path.name for path, text in sources.items() if re.search(sent, text)}
    assert boxes == {"account.rs"}


def test_only_a_check_makes_a_pass():
    intents = (NATIVE / "risk/src/intent.rs").read_text()
    a_pass = intents[intents.index("pub struct Pass") :]
    assert "pub(crate) fn new(" in a_pass
    # No second one comes of the first.
    assert not re.search(r"derive\([^)]*(Clone|Default)[^)]*\)\]\s*pub struct Pass", intents)
    calls = ((path.name, functions_with(text, r"\bPass::new")) for path, text in shipped())
    made = {name: found for name, found in calls if found}
    assert made == {"check.rs": ["check", "check_slowly"]}
