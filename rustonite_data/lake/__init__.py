"""The lake: years of ticks in Delta tables, and this very moment on tapes, as one table."""

from rustonite_data.lake.commit import Committer, TapeStatus
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.lake import Lake
from rustonite_data.lake.snapshot import DataFile, Snapshot

__all__ = ["Committer", "DataFile", "Dataset", "Lake", "Snapshot", "TapeStatus"]
