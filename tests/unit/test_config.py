"""The environment in configuration files."""

import pytest

from rustonite_data.config import read, with_environment
from rustonite_data.errors import Invalid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a = "${HOST}:1"', 'a = "h:1"'),
        ('a = "${NONE:-x y}/${HOST:-z}"', 'a = "x y/h"'),
        ('a = "${NONE:-}"', 'a = ""'),
        ('a = "${ODD}"', 'a = "q\\"\\\\"'),
        ("a = '${NONE}' # ${NONE}", "a = '${NONE}' # ${NONE}"),
        ('a = """\n${HOST}\n"""', 'a = """\nh\n"""'),
        ("a = '''\n${NONE}\"\n'''", "a = '''\n${NONE}\"\n'''"),
        ('a = "\\"${HOST}" # "${NONE}', 'a = "\\"h" # "${NONE}'),
        ('a = "$HOST {HOST} ${1}"', 'a = "$HOST {HOST} ${1}"'),
    ],
)
def test_references_are_replaced_in_double_quotes_alone(text, expected):
    assert with_environment(text, "f", {"HOST": "h", "ODD": 'q"\\'}) == expected


def test_a_variable_that_is_not_set_is_named_with_its_line(tmp_path, monkeypatch):
    path = tmp_path / "recorder.toml"
    path.write_text('# ${A}\nname = "x"\nlake = "${RUSTONITE_NOWHERE}"\n')
    with pytest.raises(Invalid, match=rf"^{path}:3: found \$\{{RUSTONITE_NOWHERE\}}, and "):
        read(path, "a configuration")
    monkeypatch.setenv("RUSTONITE_NOWHERE", "there")
    assert 'lake = "there"' in read(path, "a configuration")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(Invalid, match=r"none\.toml: No such file or directory, expected limits"):
        read(tmp_path / "none.toml", "limits")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(Invalid, match="no UTF-8"):
        read(tmp_path / "bytes.toml", "limits")
