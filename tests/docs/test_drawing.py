"""The drawing of the wiring is the same in both languages, can be read on light and dark pages, and loads nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from tests.docs.documents import DOCS

PICTURES = DOCS / "pictures"
SVG = "{http://www.w3.org/2000/svg}"
DRAWINGS = {"wiring.svg": "operating.md", "wiring-fr.svg": "exploitation.md"}


def shapes(name: str) -> list[tuple[str, dict[str, str]]]:
    """Every element with its attributes, without the words and their language."""
    tree = ET.parse(PICTURES / name)  # noqa: S314 - our own file
    return [
        (element.tag, {key: value for key, value in element.attrib.items() if key != "lang"})
        for element in tree.iter()
    ]


def words(name: str) -> list[str]:
    """The text of each label."""
    tree = ET.parse(PICTURES / name)  # noqa: S314 - our own file
    return [element.text or "" for element in tree.iter(f"{SVG}text")]


@pytest.mark.parametrize(("drawing", "guide"), DRAWINGS.items())
def test_a_guide_shows_the_drawing_and_describes_it(drawing: str, guide: str) -> None:
    assert re.search(
        rf"^!\[.{{40,}}\]\(pictures/{drawing}\)$", (DOCS / guide).read_text("utf-8"), re.MULTILINE
    )


def test_both_languages_show_the_same() -> None:
    assert shapes("wiring.svg") == shapes("wiring-fr.svg")
    english, french = words("wiring.svg"), words("wiring-fr.svg")
    same = {one for one, other in zip(english, french, strict=True) if one == other}
    assert same == {"1", "2", "3", "4", "SIM", "Modem", "USB", "http://BOX:8000/", "5 V"}


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_the_colours_contrast_with_the_paper(drawing: str) -> None:
    text = (PICTURES / drawing).read_text(encoding="utf-8")
    light, _, dark = text.partition("prefers-color-scheme: dark")
    for scheme in (light, dark):
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", scheme))
        for name in ("ink", "edge", "network", "usb", "radio", "power"):
            wanted = 4.5 if name == "ink" else 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
            for ground in ("paper", "part", "window"):
                assert contrast(colours[name], colours[ground]) >= wanted, (name, ground)
    assert not re.search(r"(?:href|src|url)\W+https?:", text), "it loads nothing"


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
