"""What unit tests share."""

import pytest

from rustonite_data.lake.imports import files


@pytest.fixture(params=[50, 1000, None], ids=["tiny", "small", "usual"])
def chunks(request, monkeypatch):
    """Blocks of an import so small that everything lies across their borders."""
    if request.param:
        monkeypatch.setattr(files, "CHUNK_BYTES", request.param)
