"""What the style sheet promises: contrast, and weight."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
STATIC = ROOT / "static"
CSS = (STATIC / "css" / "console.css").read_text()
TONES = ("neutral", "running", "retrying", "success", "failed", "discarded")


def tokens(selector):
    block = CSS[CSS.index(selector) :]
    return dict(
        re.findall(r"--([a-z0-9-]+): (#[0-9A-F]{6})", block[: block.index("}")])
    )


THEMES = {"light": tokens(":root {"), "dark": tokens('[data-theme="dark"] {')}


def luminance(colour):
    def linear(channel):
        value = int(channel, 16) / 255
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(colour[at : at + 2]) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["text", "text-2", "text-3", "accent"])
@pytest.mark.parametrize("ground", ["bg", "surface", "surface-2"])
def test_text_is_legible_on_every_ground(theme, name, ground):
    colours = THEMES[theme]

    assert contrast(colours[name], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("tone", TONES)
def test_states_are_legible_on_their_tint(theme, tone):
    colours = THEMES[theme]

    assert contrast(colours[tone], colours[f"{tone}-bg"]) >= 4.5
    assert contrast(colours[f"fill-{tone}"], colours["surface"]) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["bg", "surface", "surface-2"])
def test_controls_stand_out(theme, ground):
    assert contrast(THEMES[theme]["control"], THEMES[theme][ground]) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["accent-solid", "danger-solid"])
def test_buttons_carry_white_text(theme, name):
    assert contrast(THEMES[theme][name], "#FFFFFF") >= 4.5


@pytest.mark.parametrize(
    ("pattern", "kilobytes"),
    [("css/*.css", 18), ("js/*.js", 10), ("icons.svg", 6), ("vendor/*.js", 21)],
)
def test_assets_stay_light(pattern, kilobytes):
    size = sum(len(gzip.compress(path.read_bytes())) for path in STATIC.glob(pattern))

    assert size <= kilobytes * 1024


def sources(*folders):
    """Return what pages, and the code behind them, are written in."""
    found = [path for name in folders for path in (ROOT / name).rglob("*")]
    return "\n".join(
        path.read_text() for path in found if path.suffix in (".html", ".py", ".js")
    )


def test_every_icon_that_templates_name_exists():
    sprite = (STATIC / "icons.svg").read_text()
    named = set(re.findall(r'{% icon "([a-z0-9-]+)" %}', sources("templates")))

    assert named
    assert {name for name in named if f'id="{name}"' not in sprite} == set()


def test_every_icon_is_used():
    text = sources("templates", "console", "static/js")
    icons = re.findall(r'id="([a-z0-9-]+)"', (STATIC / "icons.svg").read_text())

    assert [name for name in icons if not re.search(f"[\"'#]{name}[\"']", text)] == []


def test_every_class_is_used():
    text = sources("templates", "console", "functions", "asyncconfig", "static/js")
    css = re.sub(r"/\*.*?\*/|url\([^)]*\)", "", CSS, flags=re.DOTALL)
    classes = set(re.findall(r"\.([a-z][a-z0-9-]+)", css))
    # Code completes the names of these with a tone or the kind of a token.
    built = ("dot-", "tok-", "tone-")

    assert (
        sorted(
            name
            for name in classes
            if not name.startswith(built)
            and not re.search(rf"(?<![\w-]){name}(?![\w-])", text)
        )
        == []
    )
