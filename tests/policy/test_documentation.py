"""What is written about the code is true of the code."""

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
import shlex
import tomllib
from pathlib import Path

import click
import pyarrow as pa
import pytest

import rustonite_data
import rustonite_exec
from rustonite_data import _native, cli, metrics, record, schemas
from rustonite_data.cli import reference
from rustonite_exec.exchange_config import ExchangeAccount, ExchangeConfig

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parents[1] / "golden" / "schemas.txt"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md"))]
MODULES = [
    "rustonite_data",
    *(m.name for m in pkgutil.walk_packages(rustonite_data.__path__, "rustonite_data.")),
    "rustonite_exec",
    *(m.name for m in pkgutil.walk_packages(rustonite_exec.__path__, "rustonite_exec.")),
]
MODULES = [name for name in MODULES if not name.endswith("__main__")]
START = 1_767_312_000_000_000_000  # 2026-01-02
EXAMPLE = {
    "ts_event": [START, START + 1, START + 2],
    "ts_recv": [START + 5, START + 6, START + 7],
    "venue": ["binance"] * 3,
    "symbol": ["BTCUSDT"] * 3,
    "price": [100.0, 101.0, 102.0],
    "size": [0.25, 0.25, 0.1],
    "side": ["buy", "sell", "buy"],
    "trade_id": [1, 2, 3],
    "flags": [1, 1, 1],
}


def example():
    """A few trades that examples may take for granted."""
    types = pa.schema(schemas.get("trades"))
    arrays = [pa.array(EXAMPLE.get(field.name, [None] * 3), field.type) for field in types]
    return pa.table(arrays, schema=types)


REGENERATE = """
If the change is meant and no release had the old layout, pin it with
  .venv/bin/python tests/policy/test_documentation.py > tests/golden/schemas.txt
and otherwise add a version to the schema instead of changing this one."""


def pins():
    """Identity of every version of every dataset."""
    return [
        f"{schema.dataset} {version} {schema.at_version(version).fingerprint}"
        for schema in _native.embedded_schemas()
        for version in range(1, schema.version + 1)
    ]


def test_schemas_are_pinned():
    pinned, found = GOLDEN.read_text().splitlines(), pins()
    changed = [f"pinned: {line}" for line in pinned if line not in found]
    changed += [f"not pinned: {line}" for line in found if line not in pinned]
    assert not changed, "\n".join(changed) + REGENERATE


def test_every_schema_file_is_embedded():
    files = {path.stem for path in (ROOT / "schemas").glob("*.toml")} - {"vocabularies"}
    assert files == set(schemas.names())


def test_the_schema_page_is_current():
    page = ROOT / "docs" / "reference" / "schemas.md"
    assert page.is_file(), "make it with `make docs`"
    assert page.read_text() == schemas.markdown(), "make it anew with `make docs`"


def test_the_page_of_venues_is_current():
    page = ROOT / "docs" / "reference" / "venues.md"
    assert page.read_text() == record.venues_markdown(), "make it anew with `make docs`"


def test_the_page_of_commands_is_current():
    page = ROOT / "docs" / "reference" / "cli.md"
    assert page.read_text() == reference.markdown(), "make it anew with `make docs`"


SECTIONS = {
    "### At the top": "pub struct Config",
    "### `[tape]`": "pub struct TapeSettings",
    "### `[metrics]`": "pub struct MetricsSettings",
    "### `[[feed]]`": "pub struct FeedConfig",
}


@pytest.mark.parametrize(("section", "struct"), SECTIONS.items())
def test_every_key_of_a_recorder_is_on_its_page(section, struct):
    code = (ROOT / "native" / "feed" / "src" / "config.rs").read_text()
    body = code[code.index(struct) :].partition("\n}")[0]
    keys = set(re.findall(r"^    pub (\w+):", body, re.MULTILINE)) - {"feeds", "metrics", "tape"}
    page = (ROOT / "docs" / "using" / "record.md").read_text()
    table = page[page.index(section) :].partition("\n##")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == keys


TRADER_SECTIONS = {
    "### At the top": "pub struct Config",
    "### `[[market]]`": "pub struct MarketConfig",
    "### `[[account]]`": "pub struct AccountConfig",
    "### `[strategy]`": "pub struct StrategyConfig",
}


@pytest.mark.parametrize(("section", "struct"), TRADER_SECTIONS.items())
def test_every_key_of_a_trader_is_on_its_page(section, struct):
    code = (ROOT / "native" / "trade" / "src" / "config.rs").read_text()
    body = code[code.index(struct) :].partition("\n}")[0]
    keys = set(re.findall(r"^    pub (\w+):", body, re.MULTILINE))
    keys -= {"markets", "accounts", "strategy"}
    page = (ROOT / "docs" / "using" / "trade.md").read_text()
    table = page[page.index(section) :].partition("\n##")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == keys


def test_every_key_of_an_exchange_is_on_its_page():
    page = (ROOT / "docs" / "using" / "local-exchange.md").read_text()
    table = page[page.index("| key | default |") :].partition("\n\n")[0]
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    keys = {field.name for field in dataclasses.fields(ExchangeConfig)} - {"accounts"}
    assert told == keys
    assert "`[[account]]`" in table
    for field in dataclasses.fields(ExchangeAccount):
        assert f"`{field.name}`" in table


def faults_in(file):
    """Names of the faults that an enum of Rust has."""
    code = (ROOT / "native" / file).read_text()
    body = code[code.index("pub enum Fault") :].partition("\n}")[0]
    variants = re.findall(r"^    ([A-Z]\w+)(?:,| \{)$", body, re.MULTILINE)
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", variant).lower() for variant in variants}


def test_every_fault_is_on_the_page_about_serving():
    page = (ROOT / "docs" / "using" / "serve.md").read_text()
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert told == faults_in("feed/src/server/fault.rs")


def test_every_fault_is_on_the_page_about_the_local_exchange():
    page = (ROOT / "docs" / "using" / "local-exchange.md").read_text()
    table = page[page.index("| fault | what happens |") :].partition("\n\n")[0]
    told = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    # What a fault takes stands behind it in brackets.
    names = re.findall(r"`(\w+)`", " ".join(re.sub(r"\(.*?\)", "", one) for one in told))
    assert set(names) == faults_in("exchange/src/faults.rs")


def test_every_fact_and_metric_is_on_the_page_about_operating():
    page = (ROOT / "docs" / "operating" / "recorder.md").read_text()
    vocabularies = tomllib.loads((ROOT / "schemas" / "vocabularies.toml").read_text())
    (facts,) = [v for v in vocabularies["vocabulary"] if v["name"] == "feed_event"]
    told = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    names = [value["name"] for value in facts["values"]]
    assert [name for name in told if not name.startswith("rustonite_")] == names
    known = {f"rustonite_feed_{name}_total" for name in metrics.COUNTERS}
    known |= {f"rustonite_feed_{name}" for name in metrics.GAUGES}
    known |= {f"rustonite_lake_{name}" for name in metrics.LAG}
    known |= {"rustonite_feed_delay_seconds", "rustonite_feed_last_frame_seconds"}
    assert {name for name in told if name.startswith("rustonite_")} <= known


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, memory):
    known = {"folder": memory, "trades": example()}
    results = doctest.testmod(importlib.import_module(name), extraglobs=known)
    assert results.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_on_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, names = page.read_text(), {"__name__": "__main__"}
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        # Empty lines before it, so that a traceback has the line of the page.
        before = "\n" * (text.count("\n", 0, block.start()) + 1)
        exec(compile(before + block[1], str(page), "exec"), names)  # noqa: S102 - our own pages


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_links_of_pages_outside_the_site_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_pages_name_are_there(page):
    tops = "native|tests|benches|notebooks|schemas|catalog|rustonite_data|rustonite_exec"
    named = re.findall(rf"`((?:{tops})/[\w./-]+)`", page.read_text())
    # A toy venue is made as its page is read; tests of a crate are named from there.
    missing = [name for name in named if "lemon" not in name and not (ROOT / name).exists()]
    assert [name for name in missing if not list(ROOT.glob(f"native/*/{name}"))] == []


def commands_on(page):
    """Each call of `rustonite` in what a page has for a shell."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0].rpartition("/")[2] == "rustonite":
                yield words[1 : next((at for at, w in enumerate(words) if w in "|>&"), None)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_pages_can_be_called(page):
    for words in commands_on(page):
        command, context, rest = cli.main, click.Context(cli.main), words
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            name, *rest = rest
            command = command.get_command(context, name)
            assert command is not None, words
        known = {name for one in command.get_params(context) for name in one.opts}
        given = {word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert given <= known | {"--help"}, words


def undocumented(name, thing):
    """Public things without a docstring, from here down."""
    if not (thing.__doc__ or "").strip():
        yield name
    if inspect.isclass(thing):
        for part, value in vars(thing).items():
            described = callable(value) or isinstance(value, (property, staticmethod, classmethod))
            if not part.startswith("_") and (described or inspect.isgetsetdescriptor(value)):
                yield from undocumented(f"{name}.{part}", value)


@pytest.mark.parametrize("name", MODULES)
def test_public_names_have_docstrings(name):
    module = importlib.import_module(name)
    assert module.__doc__
    listed = getattr(module, "__all__", None)
    public = listed or [n for n, v in vars(module).items() if getattr(v, "__module__", "") == name]
    things = {n: getattr(module, n) for n in public if not n.startswith("_")}
    documented = {n: v for n, v in things.items() if inspect.isroutine(v) or inspect.isclass(v)}
    assert [gap for n, v in documented.items() for gap in undocumented(n, v)] == []


if __name__ == "__main__":
    print("\n".join(pins()))  # noqa: T201 - printing is what running this file is for
