"""Components that templates call: icons, states, ids, times, JSON."""

import json
import re
import secrets
from datetime import datetime
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from asyncconfig.graph import Use
from asyncconfig.models import Invocation
from asyncconfig.models.outbox import OutboundAttempt
from asyncconfig.reports.backlog import Backlog
from console.pages import submitting
from console.ui import links, states, units
from console.ui.states import Dot, State
from functions.logs import Part

register = template.Library()

HIGHLIGHTED = 64 * 1024
SHOWN_FIRST, SHOWN_LAST = 13, 10  # of a longer name
SHOWN = SHOWN_FIRST + 1 + SHOWN_LAST
SIDES = {
    "success": ("ok", "✓", gettext_lazy("On success")),
    "failure": ("bad", "✗", gettext_lazy("On failure")),
}
NOTHING = mark_safe('<span class="muted">–</span>')
TOKENS = re.compile(
    r'(?P<key>"(?:\\.|[^"\\])*")(?=\s*:)|(?P<str>"(?:\\.|[^"\\])*")'
    r"|(?P<num>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>true|false|null)"
)


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.inclusion_tag("components/_opens.html")
def opens(page: str, *args: object, query: str = "", next: str = "") -> dict[str, str]:
    """Attributes of a link that opens a page's dialog; `next` is where that leads."""
    leads = f"?{urlencode({'next': next})}" if next else ""
    return {"url": reverse(page, args=args) + query + leads}


@register.inclusion_tag("components/_posts.html")
def posts(page: str, *args: object) -> dict[str, str]:
    """Attributes of a form that a dialog answers."""
    return {"url": reverse(page, args=args)}


@register.inclusion_tag("components/_polls.html", takes_context=True)
def polls(context: Context, seconds: int, url: str = "") -> dict[str, object]:
    """Attributes of a part that asks its address for itself, again and again."""
    return {"url": url or context["request"].get_full_path(), "seconds": seconds}


@register.inclusion_tag("components/_create_link.html")
def create_link(
    page: str, *args: object, label: str, primary: bool = False
) -> dict[str, object]:
    return {"url": reverse(page, args=args), "label": label, "primary": primary}


@register.inclusion_tag("components/_delete_link.html")
def delete_link(
    page: str,
    *args: object,
    button: bool = False,
    word: str = "",
    query: str = "",
) -> dict[str, object]:
    url = reverse(page, args=args) + (f"?{query}" if query else "")
    return {"url": url, "button": button, "word": word}


@register.simple_tag(takes_context=True)
def head_url(context: Context, page: str, *args: object) -> str:
    """The address of a page of the function that is shown, with its qualifier."""
    return str(context["head"].url(page, *args))


@register.inclusion_tag("components/_opens.html", takes_context=True)
def head_opens(context: Context, page: str) -> dict[str, str]:
    """Attributes of a link that opens a dialog of the function that is shown."""
    return {"url": head_url(context, page)}


@register.simple_tag
def side_mark(side: str) -> SafeString:
    """✓ or ✗: of which outcome a target is told."""
    tone, mark, words = SIDES[side]
    return format_html(
        '<span class="{}" title="{}">{}<span class="sr">{}</span></span>',
        *(tone, words, mark, words),
    )


@register.simple_tag
def side_words(side: str) -> SafeString:
    """The mark of a side, and its words beside it."""
    return format_html('<span class="{}">{}</span> {}', *SIDES[side])


@register.simple_tag
def once() -> SafeString:
    """The key of a form that starts something; see `console.pages.submitting`."""
    return format_html(
        '<input type="hidden" name="{}" value="{}" autocomplete="off">',
        submitting.FIELD,
        secrets.token_urlsafe(16),
    )


@register.simple_tag
def pill(state: State) -> SafeString:
    """A state with icon and words, never by colour alone."""
    return format_html(
        '<span class="pill tone-{}" title="{}">{}{}</span>',
        state.tone,
        state.reason,
        icon(state.icon),
        state.label,
    )


@register.simple_tag
def dots(items: list[Dot], label: str = "") -> SafeString:
    """One dot per planned attempt; without a label it says how many were made."""
    made = sum(item.tone not in ("planned", "crossed") for item in items)
    shapes = format_html_join("", "{}", ((_dot(item.tone),) for item in items))
    return format_html(
        '<span class="dots" role="img" aria-label="{}">{}</span>',
        label or f"{_('Attempts')}: {made}",
        shapes,
    )


def _dot(tone: str) -> SafeString:
    cross = '<path class="dot-crossed" d="M3 3l4 4M7 3l-4 4"/>'
    return format_html(
        '<svg viewBox="0 0 10 10"><circle class="dot-{}" cx="5" cy="5" r="4"/>{}</svg>',
        tone,
        mark_safe(cross) if tone == "crossed" else "",  # noqa: S308 - a constant
    )


@register.simple_tag
def copy(value: object) -> SafeString:
    """A button that copies the full value."""
    return format_html(
        '<button type="button" class="copy" data-copy="{}" data-done="{}" '
        'aria-label="{}">{}{}</button>',
        value,
        _("Copied"),
        _("Copy"),
        icon("copy"),
        icon("check"),
    )


@register.simple_tag
def short_id(value: object, url: str = "") -> SafeString:
    """The first eight characters; the whole stands in the title and is copied."""
    shown = format_html("{}…", str(value)[:8])
    if url:
        shown = format_html('<a href="{}">{}</a>', url, shown)
    return format_html('<span class="id" title="{}">{}</span>', value, shown)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString:
    """A time: relative under a day, absolute after; in the reader's zone."""
    if moment is None:
        return NOTHING
    local = timezone.localtime(moment)
    age = (timezone.now() - moment).total_seconds()
    offset = local.strftime("%z")
    full = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} UTC{offset[:3]}"
    return format_html(
        '<time datetime="{}" title="{}" data-ago="{}">{}</time>',
        moment.isoformat(),
        full,
        int(moment.timestamp()) if age < 86_400 else "",
        _relative(age) if age < 86_400 else f"{local:%m-%d %H:%M:%S}",
    )


def _relative(age: float) -> str:
    if age < 60:
        return _("%(n)d s ago") % {"n": max(int(age), 0)}
    if age < 3600:
        return _("%(n)d min ago") % {"n": age // 60}
    return _("%(n)d h ago") % {"n": age // 3600}


@register.simple_tag
def clock(moment: datetime | None, *, milliseconds: bool = True) -> SafeString:
    """A time, with its date where that is not today; the whole is in the title."""
    if moment is None:
        return NOTHING
    local = timezone.localtime(moment)
    rest = f".{local.microsecond // 1000:03d}" if milliseconds else ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S}",
        clock_text(moment) + rest,
    )


@register.filter
def clock_text(moment: datetime) -> str:
    """A time to the second, for sentences; as short as the reader's day allows."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return f"{local:%H:%M:%S}"
    year = "" if local.year == today.year else f"{local:%Y}-"
    return f"{year}{local:%m-%d %H:%M:%S}"


@register.simple_tag
def utc_offset() -> str:
    """How far the reader's clock is from UTC, like +08:00."""
    offset = timezone.localtime().strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"


@register.simple_tag
def until(moment: datetime | None) -> SafeString:
    """A countdown; app.js counts, the server says when."""
    if moment is None:
        return SafeString("")
    left = max((moment - timezone.now()).total_seconds(), 0)
    return format_html(
        '<span class="num" data-until="{}">{}</span>',
        int(moment.timestamp() * 1000),
        units.seconds(round(left)) if left >= 1 else _("now"),
    )


@register.simple_tag
def remaining(moment: datetime) -> SafeString:
    """How long until then in the largest unit that fits; the time is in the title."""
    left = max((moment - timezone.now()).total_seconds(), 0)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}",
        units.span(left),
    )


@register.simple_tag
def try_words(attempt: OutboundAttempt) -> str:
    """When a notification was tried, and who asked for it."""
    said = {
        "n": attempt.number,
        "time": clock_text(attempt.started_at),
        "took": duration(attempt.duration_ms),
        "name": attempt.asked_by,
    }
    if attempt.asked_by:
        return _("Attempt %(n)s at %(time)s, %(took)s, re-sent by %(name)s") % said
    return _("Attempt %(n)s at %(time)s, %(took)s, automatic") % said


@register.filter
def owed_url(backlog: Backlog) -> str:
    return links.owed_url(backlog)


@register.filter
def use_url(use: Use) -> str:
    return links.use_url(use)


@register.simple_tag
def use_name(use: Use, shorten: object = False) -> str:
    return links.use_name(use, middle) if shorten else links.use_name(use)


@register.filter
def error_of(invocation: Invocation) -> str:
    return states.error_of(invocation)


@register.filter
def short(value: object) -> str:
    """The first eight characters of an ID."""
    return f"{str(value)[:8]}…"


@register.filter
def middle(value: object) -> str:
    """A name that fits a cell: what it begins and ends with. Put it into the title."""
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN_FIRST]}…{text[-SHOWN_LAST:]}"


@register.filter
def duration(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else units.seconds(milliseconds / 1000)


@register.filter
def seconds(value: float) -> str:
    return units.seconds(value)


@register.filter
def size(value: int) -> str:
    return units.size(value)


@register.filter
def thousands(value: int) -> str:
    return f"{value:,}"


@register.filter
def length_of(value: bytes) -> int:
    return len(value)


@register.simple_tag
def log_view(parts: list[Part]) -> SafeString:
    """Show a log; the platform's own lines are marked."""
    lines = format_html_join("", "{}", ((_log_part(part),) for part in parts))
    return format_html('<pre class="code">{}</pre>', lines)


def _log_part(part: Part) -> str:
    if part.is_ours:
        return format_html('<span class="platform">{}</span>', part.text)
    return part.text


@register.simple_tag
def json_view(content: bytes) -> SafeString:
    """Show a body: JSON indented and coloured, anything else as the text it is."""
    text = bytes(content).decode("utf-8", "replace")
    if len(text) > HIGHLIGHTED:
        shown = text[:HIGHLIGHTED]
        note = _("Only the first 64 KB are shown. Download the rest.")
        return format_html(
            '<pre class="code">{}</pre><p class="help">{}</p>', shown, note
        )
    try:
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return format_html('<pre class="code">{}</pre>', text)
    return format_html('<pre class="code">{}</pre>', _coloured(text))


def _coloured(text: str) -> SafeString:
    parts: list[Any] = []
    at = 0
    for match in TOKENS.finditer(text):
        parts.append(conditional_escape(text[at : match.start()]))
        span = format_html(
            '<span class="tok-{}">{}</span>', match.lastgroup, match.group()
        )
        parts.append(span)
        at = match.end()
    parts.append(conditional_escape(text[at:]))
    return mark_safe("".join(parts))  # noqa: S308 - each part is escaped above
