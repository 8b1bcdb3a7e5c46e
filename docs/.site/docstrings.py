"""Docstrings as the site wants them."""

import inspect
import re
from contextlib import suppress
from functools import reduce

from griffe import Docstring, Extension, Object

from rustonite_data import _native

_STUB = "rustonite_data._native."


class OurDocstrings(Extension):
    """Native classes have theirs in the extension, not in its stub; examples are in the plural."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """A module, class, function or attribute was read."""
        if obj.path.startswith(_STUB) and obj.docstring is None:
            # What is not in the extension is found by stubtest, and by nobody sooner.
            with suppress(AttributeError):
                native = reduce(getattr, obj.path.removeprefix(_STUB).split("."), _native)
                obj.docstring = Docstring(inspect.getdoc(native) or "", parent=obj)
        if obj.docstring is not None:
            text = re.sub(
                r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
            obj.docstring.value = text
