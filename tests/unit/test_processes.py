"""Threads, signals and forks."""

import os
import pty
import re
import signal
import textwrap
import threading
import time
from contextlib import suppress

import pytest
from helpers import SMALL, finish, python, trades

from rustonite_data import Tape
from rustonite_data.cli.interrupts import INTERRUPTED, ended
from rustonite_data.lake import Lake
from rustonite_data.lake.interrupt import interruptible


@pytest.mark.parametrize("how", ["spin", "yield", "sleep"])
def test_other_threads_run_while_one_waits(memory, how):
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        reader = Tape.reader(memory / "t")
        came = []
        waiting = threading.Thread(target=lambda: came.append(reader.wait(60, how)))
        waiting.start()
        # With the interpreter held by the waiting thread, this one could not get here.
        tape.append(trades(1))
        waiting.join()
    assert came == [True]


def test_threads_share_a_writer_and_a_reader(memory):
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        appends = [
            threading.Thread(target=lambda: [tape.append(trades(3)) for _ in range(200)])
            for _ in range(4)
        ]
        reader, seen = Tape.reader(memory / "t"), []
        reads = [
            threading.Thread(target=lambda: seen.extend(map(len, reader.follow(1))))
            for _ in range(2)
        ]
        for thread in (*appends, *reads):
            thread.start()
        for thread in (*appends, *reads):
            thread.join()
        seen.extend(map(len, reader))
        assert tape.rows == sum(seen) == 2400


WAITS = {
    "reader": "Tape.reader(sys.argv[1], start='now').wait(None, sys.argv[2])",
    "follow": "list(Tape.reader(sys.argv[1], start='now').follow(how=sys.argv[2]))",
    "merged": "MergedReader([sys.argv[1]], start='now').wait(None, sys.argv[2])",
}


@pytest.mark.parametrize("how", ["spin", "yield", "sleep"])
@pytest.mark.parametrize("what", WAITS)
def test_ctrl_c_ends_a_wait(memory, what, how):
    Tape.create(memory / "t", "trades", **SMALL).close()
    code = f"""
        import sys, time
        from rustonite_data import MergedReader, Tape
        print("waiting", flush=True)
        try:
            {WAITS[what]}
        except KeyboardInterrupt:
            print("ended")
    """
    process = python(code, memory / "t", how)
    assert process.stdout.readline() == "waiting\n"
    # Well inside the wait; before it, too, the signal would have to end it.
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert finish(process, timeout=30) == "ended\n"


# The program, a lake, and a query without end. It tells what it imports, so that the signal comes
# when there is something to import.
ENDLESS = """
    import sys
    from rustonite import main

    rows = "range(100000000000) a, range(100000) b"
    query = f"select count(*) from {rows} where (a.range + b.range) % 7 = 3"
    sys.argv = ["rustonite", "sql", "--lake", sys.argv[1], query]
    main()
"""
TELLING_IMPORTS = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}


def told(stream, until=None):
    """What is printed, up to a pattern, or until the other side is closed."""
    text = ""
    with suppress(OSError):  # by which a terminal tells that nobody is there any more
        while not (until and re.search(until, text)) and (chunk := os.read(stream, 1 << 16)):
            text += chunk.decode()
    return text


@pytest.mark.parametrize("after_s", [0, 0.1, 0.2, 0.3, 0.45, 0.6, 1])
@pytest.mark.parametrize("way", [pty.openpty, os.pipe])
def test_ctrl_c_ends_a_command_quietly_from_its_first_line_on(memory, way, after_s):
    lake = Lake.create(memory / "lake").storage.root
    ours, theirs = way()
    process = python(ENDLESS, lake, stdout=theirs, stderr=theirs, env=TELLING_IMPORTS)
    os.close(theirs)
    # Its first line has run when something of its own has been imported.
    before = told(ours, r"\| rustonite\r?\n.+\n")
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    text = before + told(ours)
    os.close(ours)
    process.communicate(timeout=30)
    assert process.returncode in {INTERRUPTED, -signal.SIGINT}
    assert [line for line in text.splitlines() if not line.startswith("import time:")] == []


@pytest.mark.parametrize("moment", ["begins", "ends"])
def test_ctrl_c_at_the_moment_in_which_watching_begins_or_ends(moment):
    code = """
        import signal, sys
        from rustonite import main

        moment, sys.argv[1:] = sys.argv[1], ["completion", "bash"]
        call = signal.signal

        def pressed(number, handler):
            if moment == "ends" and callable(signal.getsignal(number)):
                signal.raise_signal(number)
            call(number, handler)
            if moment == "begins" and callable(handler):
                signal.raise_signal(number)

        call(signal.SIGINT, signal.SIG_DFL)
        signal.signal = pressed
        main()
    """
    process = python(code, moment)
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == INTERRUPTED


def test_ctrl_c_is_not_swallowed_by_what_is_imported(tmp_path):
    deaf = """
        import contextlib, signal

        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
    """
    (tmp_path / "deaf.py").write_text(textwrap.dedent(deaf))
    code = """
        import sys
        from rustonite_data.cli.interrupts import CTRL_C

        sys.path.insert(0, sys.argv[1])
        with CTRL_C.watched():
            import deaf
        print("went on")
    """
    process = python(code, tmp_path)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == INTERRUPTED


def test_a_fork_is_told_to_open_its_own(memory):
    code = """
        import os, sys
        from rustonite_data import MergedReader, Tape, errors

        tape = Tape.create(sys.argv[1], "trades", segment_bytes=1 << 20)
        reader, merged = Tape.reader(sys.argv[1]), MergedReader([sys.argv[1]])
        uses = [lambda: tape.append({}), tape.seal, tape.sync, tape.close, lambda: tape.rows,
                reader.poll, reader.read, lambda: reader.wait(0), merged.poll]
        child = os.fork()
        if child == 0:
            for use in uses:
                try:
                    use()
                except errors.Closed as error:
                    assert f"opened by process {os.getppid()}" in str(error), error
                else:
                    os._exit(1)
            assert Tape.reader(sys.argv[1]).poll() is None
            try:
                Tape.open(sys.argv[1])
            except errors.Conflict:
                del use, uses, tape, reader, merged
                sys.exit(0)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert tape.rows == 0
        tape.close()
        Tape.open(sys.argv[1]).close()
        print("fine")
    """
    assert finish(python(code, memory / "t")) == "fine\n"


def test_a_fork_does_not_wait_for_a_recorder_that_is_not_there(memory):
    code = """
        import gc, os, sys, time
        from rustonite_data.record import Recorder
        text = '''
        [[feed]]
        venue = "binance"
        symbols = ["BTCUSDT"]
        urls = { public = "ws://127.0.0.1:1/", rest = "http://127.0.0.1:1/" }
        '''
        recorder = Recorder(text, tapes=sys.argv[1])
        child = os.fork()
        if child == 0:
            del recorder
            gc.collect()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert recorder.running
        recorder.close()
        print("fine")
    """
    assert finish(python(code, memory / "tapes")) == "fine\n"


def test_a_query_that_had_not_begun_when_it_was_cancelled_is_cancelled_again():
    state = {"running": False, "cancelled": False, "ended": False}

    def call():
        time.sleep(0.3)  # a thread that has to wait for its turn
        state["running"] = True
        end = time.monotonic() + 20
        while not state["cancelled"] and time.monotonic() < end:
            time.sleep(0.01)
        state["ended"] = state["cancelled"]

    def cancel():  # as engines do: what does not run is not stopped
        state["cancelled"] = state["running"]

    key = threading.Timer(0.1, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    key.start()
    with pytest.raises(KeyboardInterrupt):
        interruptible(call, cancel)
    assert state["ended"]


@pytest.mark.parametrize(("handler", "ends"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_closed_terminal_ends_what_runs_unless_nohup_was_asked_for(handler, ends):
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with ended() as end:
            signal.raise_signal(signal.SIGHUP)
            assert end.is_set() is ends
    finally:
        signal.signal(signal.SIGHUP, before)


# Who asks the same thing again would wait for memory that was given away in between.
@pytest.mark.parametrize(
    ("command", "delay"), [("record", "10"), ("sql", "None"), ("lake", "None")]
)
def test_only_recorders_give_memory_back_at_once(command, delay):
    code = """
        import os, sys
        from contextlib import suppress
        from rustonite import main

        with suppress(SystemExit):
            main()
        print(os.environ.get("MIMALLOC_PURGE_DELAY"))
    """
    told = {name: value for name, value in os.environ.items() if name != "MIMALLOC_PURGE_DELAY"}
    printed = finish(python(code, command, "--help", env=told))
    assert printed.splitlines()[-1] == delay
