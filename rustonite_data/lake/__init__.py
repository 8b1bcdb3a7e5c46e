"""The lake: years of ticks in Delta tables, and this very moment on tapes, as one table."""

try:
    from rustonite_data.lake.commit import Committer, TapeStatus
    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.lake import Lake
    from rustonite_data.lake.snapshot import DataFile, Snapshot
except ModuleNotFoundError as error:
    if str(error.name).startswith("rustonite"):
        raise
    raise ModuleNotFoundError(
        f"a lake needs {error.name}: `pip install 'rustonite[lake]'`", name=error.name
    ) from error

__all__ = ["Committer", "DataFile", "Dataset", "Lake", "Snapshot", "TapeStatus"]
