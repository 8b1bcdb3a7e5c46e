"""The short form of `make soak`."""

import os

import soak

SECONDS = float(os.environ.get("RUSTONITE_SOAK_SECONDS", "25"))
RATE = int(os.environ.get("RUSTONITE_SOAK_RATE", "5000"))


def test_nothing_is_lost_in_silence_and_nothing_is_there_twice(memory):
    found, samples = soak.run(
        memory, SECONDS, RATE, seed=int(os.environ.get("RUSTONITE_SEED", "1"))
    )
    assert found["kills"] >= 2
    assert found["missing"] > 0, "nothing went wrong"
    assert found["trades"] > SECONDS * RATE / 20
    assert {what for *_, happened in samples for what in happened} == {"cut", "kill", "away"}
    soak.plot(samples, memory / "soak.svg")
    assert "<polyline" in (memory / "soak.svg").read_text()
