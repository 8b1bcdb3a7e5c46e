"""The notebooks run from top to bottom, and show what they are stored with."""

import nbformat
import pytest
from execute import VARIES, differences, execute, paths

BYTES_MAX = 200_000
NAMES = ["record", "research", "order-books", "strategy", "operating"]


def stored(path):
    return nbformat.read(path, as_version=4)


def test_there_are_five_in_order():
    assert [path.name[:2] for path in paths()] == [f"{number}-" for number in range(1, 6)]
    assert all(part in path.name for part, path in zip(NAMES, paths(), strict=True))


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_a_notebook_shows_what_is_stored(path, tmp_path):
    found = differences(stored(path), execute(path, tmp_path))
    assert not found, "\n\n".join([*found, "if this is meant: make notebooks"])


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_what_it_shows_and_small(path):
    notebook = stored(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert path.stat().st_size < BYTES_MAX
    compared = [cell for cell in code if VARIES not in cell.metadata.get("tags", [])]
    assert sum(bool(cell.outputs) for cell in compared) >= 5


def test_a_difference_is_found_unless_the_cell_varies():
    def notebook(text, *tags):
        output = nbformat.v4.new_output("execute_result", {"text/plain": text})
        cell = nbformat.v4.new_code_cell("6 * 7", outputs=[output], metadata={"tags": list(tags)})
        return nbformat.v4.new_notebook(cells=[cell])

    assert differences(notebook("42"), notebook("42")) == []
    (found,) = differences(notebook("42"), notebook("54"))
    assert "6 * 7" in found
    assert "-42" in found
    assert "+54" in found
    assert differences(notebook("42", VARIES), notebook("54")) == []
