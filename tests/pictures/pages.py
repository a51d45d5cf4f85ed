"""The pictures of the documents: which page each of them shows, in which language, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.pictures.lively import LivelyBox

HEIGHT: Final = 860
"""Of a picture, in pixels, where it does not show a whole page."""

Address = str | Callable[[LivelyBox], str]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a page. `address`: its path, or how it is found in a box."""

    name: str  # of the file, without the language
    address: Address
    languages: tuple[str, ...] = ("en", "fr")
    role: str = "owner"
    whole: bool = False  # the whole page, also what lies below the window
    dark: bool = False
    wait: str | None = None  # a selector that the page shows after a while


PICTURES: Final = (
    Picture("overview", "/"),
    Picture("overview-company", "/", role="company"),
    Picture("message", lambda box: f"/messages/{box.sms_id('delivered')}"),
    Picture("compose", "/compose"),
    Picture("campaigns", "/campaigns"),
    Picture("inbox", "/inbox"),
    Picture("ports", "/ports"),
    Picture("sims", "/sims"),
    Picture("statement", "/statement"),
    Picture("check", "/check", wait=".findings"),
    Picture("persons", "/persons"),
)
"""Every picture; a page that the box does not have is left out."""
