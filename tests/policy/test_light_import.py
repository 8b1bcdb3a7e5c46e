"""What is imported before anybody asks for it: little, so that commands begin at once."""

import pytest
from helpers import finish, python

# Each takes longer than all of ours together, or is an extra that need not be there.
HEAVY = {
    "asyncio", "deltalake", "duckdb", "fsspec", "http.server", "numpy", "obstore", "pandas",
    "polars", "pyarrow", "urllib.request",
}  # fmt: skip
OURS_THAT_BRING_THEM = {"rustonite_data.lake", "rustonite_data.record"}
PRINT = "\nimport sys; print(*sys.modules)"


@pytest.mark.parametrize(
    "code",
    [
        "import rustonite_data",
        "import rustonite_exec",
        "from rustonite_data.cli import main; main(['--version'], standalone_mode=False)",
        "from rustonite_data.cli import main; main(['--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_imported(code):
    loaded = set(finish(python(code + PRINT)).splitlines()[-1].split())
    assert "rustonite_data" in loaded
    assert not loaded & (HEAVY | OURS_THAT_BRING_THEM)


def test_a_missing_extra_is_named():
    code = """
        import sys
        sys.modules["deltalake"] = None
        try:
            import rustonite_data.lake
        except ModuleNotFoundError as error:
            print(error.name, error)
    """
    told = finish(python(code))
    assert told.startswith("deltalake ")
    assert "pip install 'rustonite[lake]'" in told
