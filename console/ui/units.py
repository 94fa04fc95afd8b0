"""Durations and sizes in words, in the reader's language."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def seconds(value: float) -> str:
    """Write a duration given in seconds: `412 ms`, `3.2 s`, `2 min 05 s`, `1 h`."""
    if value < 1:
        return _("%(n)d ms") % {"n": round(value * 1000)}
    if value < 60:
        return _("%(n)s s") % {"n": f"{value:.1f}".removesuffix(".0")}
    whole = round(value)
    if whole < 3600:
        return _minutes(whole)
    hours, rest = divmod(whole, 3600)
    if rest < 60:
        return _("%(n)d h") % {"n": hours}
    return _("%(h)d h %(m)d min") % {"h": hours, "m": rest // 60}


def span(value: float) -> str:
    """Write a long duration given in seconds in one unit: days, hours, minutes."""
    minutes = max(round(value / 60), 1)
    if minutes < 120:
        return _("%(n)d min") % {"n": minutes}
    hours = round(minutes / 60)
    if hours < 48:
        return _("%(n)d h") % {"n": hours}
    days = round(hours / 24)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def _minutes(whole: int) -> str:
    minutes, rest = divmod(whole, 60)
    if rest:
        return _("%(m)d min %(s)02d s") % {"m": minutes, "s": rest}
    return _("%(n)d min") % {"n": minutes}


def size(value: int) -> str:
    """Write a size given in bytes, in KB or MB of 1024."""
    if value >= 1024 * 1024:
        return f"{value / 1024 / 1024:.1f} MB".replace(".0 ", " ")
    if value >= 1024:
        return f"{value / 1024:.1f} KB".replace(".0 ", " ")
    return f"{value} B"
