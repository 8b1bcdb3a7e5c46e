"""A lake under kill -9 at any system call, through any order of steps; see `lake_life`.

More cases, other seeds: `python tests/fault/lake_life.py FOLDER SEED CASES`.
"""

import json
import os
import sys
from pathlib import Path

import killer
import pytest
from helpers import finish, python
from s3 import S3

LIFE = str(Path(__file__).with_name("lake_life.py"))
CASES = int(os.environ.get("RUSTONITE_KILL_CASES", "240"))

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and killer.allowed()),
    reason="NOT TESTED: this machine does not let us trace our own processes",
)


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.timeout(900)
def test_killed_anywhere_on_a_local_disk(tmp_path, seed):
    print(finish(python(LIFE, tmp_path, seed, CASES), timeout=900))


@pytest.mark.timeout(900)
def test_killed_anywhere_on_an_object_store(tmp_path):
    with S3() as store:
        options = json.dumps(store.options)
        life = python(LIFE, tmp_path, 21, CASES // 3, options, store.url("lives"))
        print(finish(life, timeout=900))


@pytest.mark.parametrize("seed", [31, 32])
def test_any_order_of_steps_without_a_kill(tmp_path, seed):
    print(finish(python(LIFE, "calm", tmp_path, seed, 400), timeout=300))
