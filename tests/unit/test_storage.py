"""Small files of a lake in a folder: whole or not at all."""

import os
from pathlib import Path

import pytest

from rustonite_data.errors import Unavailable
from rustonite_data.lake.storage import Storage


def test_two_writers_of_a_file_do_not_disturb_each_other(tmp_path, monkeypatch):
    storage = Storage(tmp_path)
    replace = Path.replace

    def after_the_other(part, target):
        monkeypatch.setattr(Path, "replace", replace)
        storage.replace("file", b"theirs")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", after_the_other)
    storage.replace("file", b"ours")
    assert storage.read("file") == b"ours"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("write", [Storage.create, Storage.replace])
def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch, write):
    def full(*_):
        raise OSError("no space left on device")

    for step in ("fsync", "link", "replace"):
        monkeypatch.setattr(os, step, full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Unavailable, match="no space left"):
        write(Storage(tmp_path), "file", b"data")
    assert list(tmp_path.iterdir()) == []
