"""The site is whole: a page that would load something from the net is an error."""

import re

from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

_LOADED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link[^>]*\srel=[\"']?(?:stylesheet|preconnect)[^>]*//[^>]*>"
)


def on_post_page(output: str, page: Page, **_: object) -> None:
    """A page was made."""
    if found := _LOADED.search(output):
        raise PluginError(f"{page.file.src_uri}: loads something from the net: {found[0]}")
