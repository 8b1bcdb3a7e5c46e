"""`rustonite doctor`: what it says of machines, well and unwell."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from rustonite_data import cli, doctor, extras
from rustonite_exec.configs import write_configs

MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 21 0:26 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw
41 21 0:40 / /data/my\\040lake rw - nfs4 server:/lake rw
"""


def run(*arguments):
    return CliRunner().invoke(cli.main, ["doctor", *map(str, arguments)])


def findings(result):
    return {one["name"]: one for one in map(json.loads, result.stdout.splitlines())}


def test_this_machine_can_be_used(tmp_path):
    write_configs(tmp_path)
    result = run(tmp_path / "recorder.toml", tmp_path / "trader.toml", "--json")
    assert result.exit_code == 0, result.output
    found = findings(result)
    assert set(found) >= {"system", "build", "clock", "shared memory", "open files", "extra lake"}
    assert found["lake"]["found"].startswith(f"{tmp_path}/lake: ")
    assert found["keys"]["level"] == "ok"
    assert all(one["advice"] for one in found.values() if one["level"] != "ok")


def test_accounts_that_are_none_are_for_config_check(tmp_path):
    (tmp_path / "trader.toml").write_text("account = [1, 'x']")
    assert run(tmp_path / "trader.toml", "--lake", tmp_path).exit_code == 0


def test_text_has_what_to_do(tmp_path):
    write_configs(tmp_path)
    (tmp_path / "keys.toml").chmod(0o640)
    result = run(tmp_path / "trader.toml", "--lake", tmp_path)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fail"))
    assert lines[at].endswith(f"{tmp_path}/keys.toml: mode 640")
    assert lines[at + 1].strip() == f"-> others can read it: chmod 600 {tmp_path}/keys.toml"


def test_files_here_are_looked_at_by_themselves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_configs(tmp_path)
    (tmp_path / "keys.toml").unlink()
    result = run("--json")
    assert result.exit_code == 1
    assert findings(result)["keys"]["found"] == "keys.toml: No such file or directory"
    assert findings(result)["lake"]["found"].startswith("lake: ")


def test_a_configuration_that_cannot_be_read(tmp_path):
    (tmp_path / "recorder.toml").write_text("lake = [")
    result = run(tmp_path / "recorder.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {tmp_path}/recorder.toml: ")


@pytest.mark.parametrize(
    ("state", "most", "error", "level"),
    [(0, 500, 20, "ok"), (5, 16_000_000, 16_000_000, "warn"), (0, 60_000, 20_000, "warn")],
)
def test_clocks(state, most, error, level):
    assert doctor.clock_finding(state, most, error).level == level


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv", "ext4"), ("/dev/shm/ticks", "tmpfs"), ("/data/my lake/x", "nfs4"), ("/data", "ext4")],
)
def test_the_kind_of_a_folder(tmp_path, path, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert doctor.kind_of_file_system(Path(path), mounts) == kind


def test_a_folder_of_the_network_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "kind_of_file_system", lambda _path: "nfs4")
    monkeypatch.setattr(doctor, "_DISK_FREE_MIN", 0)
    assert doctor.folder("tapes", tmp_path).level == "warn"
    assert "local disk" in doctor.folder("tapes", tmp_path).advice
    assert doctor.folder("lake", tmp_path / "not" / "there", is_mapped=False).level == "ok"


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(**_how):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    finding = doctor.folder("lake", tmp_path)
    assert (finding.level, finding.found) == ("fail", f"{tmp_path}: Permission denied")


def test_shared_memory_that_is_not_there(tmp_path):
    assert doctor.shared_memory(tmp_path / "shm").level == "warn"


@pytest.mark.parametrize(
    ("text", "level"),
    [("always [never] deny", "warn"), ("always [advise] never", "ok"), ("", "ok")],
)
def test_huge_pages(tmp_path, text, level):
    (tmp_path / "shmem_enabled").write_text(text)
    assert doctor.huge_pages(tmp_path).level == level


def test_governors(tmp_path):
    assert doctor.governor(tmp_path).level == "ok"
    folder = tmp_path / "cpu0" / "cpufreq"
    folder.mkdir(parents=True)
    for kind, level in (("powersave\n", "warn"), ("performance\n", "ok")):
        (folder / "scaling_governor").write_text(kind)
        assert doctor.governor(tmp_path).level == level


def test_keys_of_another_user(tmp_path, monkeypatch):
    path = tmp_path / "keys.toml"
    path.touch(0o600)
    assert doctor.key_file(path).level == "ok"
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert doctor.key_file(path).level == "warn"


def test_extras_that_are_not_here(monkeypatch):
    wanted = ["click>=8.1", "duckdb>=2 ; extra == 'lake'", "no-such-thing ; extra == 'lake'",
              'daft[ray]>=0.7; extra == "distributed"']  # fmt: skip
    monkeypatch.setattr(extras.metadata, "requires", lambda _name: wanted)
    (lake, distributed) = extras.extras()
    assert (lake.packages, lake.missing) == (("duckdb", "no-such-thing"), ("no-such-thing",))
    assert distributed.packages == ("daft",)
    assert extras.how_to_get("no_such_thing.part") == "pip install 'rustonite[lake]'"
    assert extras.how_to_get("elsewhere") == "pip install elsewhere"
    (finding, _) = doctor.packages()
    assert (finding.level, finding.advice) == ("warn", "pip install 'rustonite[lake]'")


def test_every_extra_is_told_what_it_brings():
    assert {extra.name for extra in extras.extras()} <= set(extras.ABOUT)
