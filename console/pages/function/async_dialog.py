"""What the async configuration dialog shows for a form as it stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.urls import reverse
from django.utils.translation import gettext as _

from asyncconfig import graph, policies
from asyncconfig.config import rights
from asyncconfig.config.forms import AsyncConfigForm
from asyncconfig.decisions import loops, record
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Destination, Option, ParamForm
from asyncconfig.models.config import MAX_AGE_SECONDS, MAX_RETRIES
from console.pages.function.heads import Head
from console.ui import drawing, links, units
from functions import names
from functions.models import Function

SAMPLE_TIME = datetime(2020, 8, 20, 4, tzinfo=UTC)
# The validity periods that one click chooses (seconds): 1 min to a day.
USUAL_AGES = (60, 600, 3600, 21_600, 86_400)
ICONS = {
    "ok": "circle-check",
    "warn": "triangle-alert",
    "bad": "circle-x",
    "muted": "info",
}


@dataclass(frozen=True)
class Chip:
    """A kind as it can be chosen on a side; `why_not` says why it cannot."""

    destination: Destination
    is_chosen: bool
    why_not: str


@dataclass(frozen=True)
class CheckLine:
    """One check; `side` is "" where it is about both, `url` where it is mended."""

    tone: str
    text: str
    side: str = ""
    url: str = ""

    @property
    def icon(self) -> str:
        return ICONS[self.tone]


@dataclass(frozen=True)
class Shown:
    """A field and its control, ready to be written."""

    field: BoundField
    control: str
    is_list: bool = False


class Dialog:
    """A form's dialog; `fresh` is a side whose parameters were just opened."""

    def __init__(
        self, head: Head, form: AsyncConfigForm, *, fresh: Side | None = None
    ) -> None:
        self.head = head
        self.form = form
        self.fresh = fresh
        if fresh:
            self._reopen(fresh)

    def _reopen(self, side: Side) -> None:
        """Build a fresh form of a side, which is not judged yet."""
        destination = KINDS.get(self.form.kind_of(side))
        if destination is not None:
            initial = {
                name: value
                for name in destination.form(self.head.version).fields
                if (value := self.form.data.get(f"{side}-{name}"))
            }
            self.form.params[side] = destination.form(
                self.head.version, initial=initial or None, prefix=side
            )

    def side(self, side: Side) -> dict[str, Any]:
        params, form = self.form.params[side], self.form
        is_judged = form.is_bound and side != self.fresh
        fields = [self._shown(params, field) for field in params or ()]
        # What is chosen from a list can be made here.
        is_here = any(shown.is_list for shown in fields)
        return {
            "side": side,
            "kind": form.kind_of(side),
            "chips": list(self._chips(side)),
            "fields": fields,
            "note": _note(params),
            "create": links.create_link(form.kind_of(side)) if is_here else None,
            "errors": form.errors.get(f"{side}_kind", []) if is_judged else [],
            "field_errors": _where_first(fields),
        }

    def said(self) -> dict[str, str]:
        """Return what stands beside the fields while somebody types, by its ID."""
        self.form.is_valid()
        said = {f"note-{side}": _note(self.form.params[side]) for side in Side}
        said["err-retries"] = self._error("max_retries")
        said["err-age"] = self._error("max_age_seconds")
        said["age-words"] = self._age_words()
        for params in filter(None, self.form.params.values()):
            for field in params:
                said[f"{field.auto_id}_error"] = _error_of(params, field.name)
        return said

    def _error(self, name: str) -> str:
        return " ".join(map(str, self.form.errors.get(name, ())))

    def _age_words(self) -> str:
        """Return the validity as people say it, "= 1 h"; "" for a wrong number."""
        age = self._number("max_age_seconds")
        return "" if age is None else f"= {units.seconds(age)}"

    def _chips(self, side: Side) -> Iterator[Chip]:
        chosen = self.form.kind_of(side)
        for kind, destination in KINDS.items():
            yield Chip(destination, kind == chosen, destination.why_not(side))

    def _shown(self, params: ParamForm | None, field: BoundField) -> Shown:
        options = params.options(field.name) if params else None
        if options is None:
            return Shown(field, field.as_widget())
        widget = forms.Select(choices=self._choices(field, options))
        control = field.as_widget(widget, attrs={"class": "select"})
        return Shown(field, control, is_list=True)

    def _choices(
        self, field: BoundField, options: list[Option]
    ) -> list[tuple[str, str]]:
        """Return a list's entries; one that was typed and is unknown stays chosen."""
        typed = field.value()
        chosen = "" if typed is None else str(typed)
        choices = [(one.value, self._marked(one)) for one in options]
        if chosen and chosen not in [one.value for one in options]:
            choices.insert(0, (chosen, chosen))
        # A field that begins with something has it first, not an empty entry.
        is_open = not chosen and not field.field.initial
        if is_open or not field.field.required:
            choices.insert(0, ("", _empty_label(field)))
        return choices

    def _marked(self, option: Option) -> str:
        """Return an entry's label; what would start this function again says so."""
        own = self.head.function
        if any(function.pk == own.pk for function in option.functions):
            itself = _("(self)")
            return f"{option.label} {itself}"
        nodes = [function.shown_name for function in option.functions]
        edges = [loops.Edge(Side.SUCCESS, name) for name in nodes]
        if edges and loops.paths_back(self._graph, source=own.shown_name, edges=edges):
            back = _("leads back to %(name)s") % {"name": own.name}
            return f"{option.label} ⚠ {back}"
        return option.label

    @cached_property
    def _graph(self) -> loops.Graph:
        return graph.of_version(self.head.version)

    def panel(self) -> dict[str, Any]:
        return {
            "head": self.head,
            "form": self.form,
            "schedule": self._schedule(),
            "checks": self._checks(),
            "sample": _sample(self.head),
        }

    def whole(self) -> dict[str, Any]:
        return self.panel() | {
            "sides": [self.side(side) for side in Side],
            "limits": {
                "retries": MAX_RETRIES,
                "age": MAX_AGE_SECONDS,
                "usual_ages": USUAL_AGES,
            },
            "age_words": self._age_words(),
        }

    def _schedule(self) -> drawing.Schedule | None:
        """Draw the numbers as typed; None when one of them is wrong."""
        retries, age = self._number("max_retries"), self._number("max_age_seconds")
        if retries is None or age is None:
            return None
        return drawing.schedule(policies.from_numbers(retries, age))

    def _number(self, name: str) -> int | None:
        if not self.form.is_bound:
            return int(self.form.initial[name])
        self.form.is_valid()
        return self.form.cleaned_data.get(name)

    def _checks(self) -> dict[str, Any]:
        """Say what the server will say when this is saved."""
        form = self.form
        if not form.is_bound and form.config:
            form = AsyncConfigForm(
                _data_of(form), version=self.head.version, config=form.config
            )
        if form.is_bound:
            form.is_valid()
        asked = [side for side in Side if form.kind_of(side) in KINDS]
        needed = [KINDS[form.kind_of(side)].action for side in asked]
        agency = self.head.version.agency
        lacking = [a for a in needed if agency is None or not agency.allows(a)]
        return {
            "lines": [
                *_once(
                    line for side in asked for line in self._target_lines(form, side)
                ),
                *self._agency_lines(form, asked),
            ],
            "asked": bool(asked),
            "policy": rights.smallest_policy(lacking) if lacking else "",
            "paths": [loops.describe(path) for path in form.paths],
            "digest": form.loop_digest,
            "is_accepted": bool(form.paths)
            and form.data.get("accepted_loop") == form.loop_digest,
        }

    def _target_lines(self, form: AsyncConfigForm, side: Side) -> Iterator[CheckLine]:
        if not form.is_bound:
            return
        examined = form.examined[side]
        problems = [*_flat(examined.problems), *_of_fields(form.params[side])]
        others = [one for one in problems if one.code != "agency"]
        for one in others:
            tone = "muted" if one.code == "required" else "bad"
            yield CheckLine(tone, " ".join(one.messages), side)
        if examined.unverified:
            yield CheckLine("warn", examined.unverified, side)
        elif examined.destined.kind and not others:
            name = examined.destined.target.name
            yield CheckLine("ok", _("Target %(name)s exists") % {"name": name}, side)
        for warning in examined.warnings:
            yield CheckLine("warn", warning, side)
        params = form.params[side]
        for finding in params.findings() if params else ():
            yield CheckLine("ok" if finding.is_ok else "bad", finding.sentence, side)

    def _agency_lines(
        self, form: AsyncConfigForm, asked: list[Side]
    ) -> Iterator[CheckLine]:
        missing: dict[str, str] = {}
        for side in asked:
            destination = KINDS[form.kind_of(side)]
            target = form.examined[side].destined.target.name
            sentence = rights.missing(self.head.version, destination, target)
            if sentence:
                missing[sentence] = destination.action
        for sentence, action in missing.items():
            url = permissions_url(self.head.function, self.head.qualifier, action)
            yield CheckLine("bad", sentence, url=url)
        if asked and not missing and self.head.version.agency:
            name = self.head.version.agency.name
            yield CheckLine("ok", _("Agency %(agency)s allows it") % {"agency": name})


def _where_first(fields: list[Shown]) -> dict[str, str]:
    """Return each error of the fields once, with the ID of the first that has it."""
    found: dict[str, str] = {}
    for shown in fields:
        for error in shown.field.errors:
            found.setdefault(str(error), shown.field.id_for_label)
    return found


def _empty_label(field: BoundField) -> str:
    """Return what a list says while nothing is chosen: its own words, where it has."""
    for value, label in getattr(field.field.widget, "choices", ()):
        if not str(value):
            return str(label)
    return _("Choose…") if field.field.required else "–"


def permissions_url(function: Function, qualifier: str, action: str) -> str:
    """Return the page that sets an agency right, opened about an action."""
    chosen = {} if qualifier == names.LATEST else {"v": qualifier}
    named = [function.package, function.name]
    query = urlencode({**chosen, "needs": action})
    return f"{reverse('function-permissions', args=named)}?{query}"


def _once(lines: Iterable[CheckLine]) -> list[CheckLine]:
    """Drop what is said already: a rule may be one of the form and of the kind."""
    return list({(line.side, line.text): line for line in lines}.values())


def _note(params: ParamForm | None) -> str:
    if params is None:
        return ""
    if params.is_bound:
        params.is_valid()
    return params.note()


def _error_of(params: ParamForm, name: str) -> str:
    """Return what is wrong with what was typed; what is still to come is not."""
    found = params.errors.as_data().get(name, []) if params.is_bound else []
    said = [one for one in found if one.code != "required"]
    return " ".join(message for one in said for message in one.messages)


def _flat(problems: tuple[ValidationError, ...]) -> list[ValidationError]:
    return [one for problem in problems for one in problem.error_list]


def _of_fields(params: ParamForm | None) -> list[ValidationError]:
    if params is None or params.is_valid():
        return []
    return [one for errors in params.errors.as_data().values() for one in errors]


def _data_of(form: AsyncConfigForm) -> dict[str, Any]:
    """Return the stored configuration as the dialog would send it."""
    data = {
        name: form.initial.get(name, "")
        for name in ("max_retries", "max_age_seconds", "accepted_loop")
    }
    for side in Side:
        data[f"{side}_kind"] = form.kind_of(side)
        for name, value in form.initial[f"{side}_param"].items():
            data[f"{side}-{name}"] = value
    return data


def _sample(head: Head) -> bytes:
    facts = record.Facts(
        accepted_at=SAMPLE_TIME,
        request_id="1167bf8c-87b0-43ab-8f5f-26b16c64f252",
        function_urn=head.version.urn,
        condition="",
        attempts=1,
        payload=b'{"key": "value"}',
        status_code=200,
        error="",
        result=b"hello world!",
    )
    return record.serialise(record.build(facts, zone=UTC))
