"""The guide's three functions, made ready to be tried."""

import json
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from asyncconfig import removing
from asyncconfig.config import saving
from asyncconfig.destinations import KINDS
from asyncconfig.invocations import accepting
from asyncconfig.models import Invocation
from asyncconfig.models.config import FUNCTION
from asyncconfig.wanted import Destined, Wanted
from functions import creating, samples
from functions.code import text_package
from functions.models import Agency, Function, Project, Version
from functions.models.agency import DEFAULT_AGENCY, INVOKE_ASYNC
from functions.qualifiers import resolve
from functions.runtime import available_runtimes

NAMES = ("test1", "test2", "test3")
EVENTS = {"succeed": b'{\n    "aaa": "123"\n}', "fail": b'{\n    "fail": true\n}'}


@dataclass(frozen=True)
class Demo:
    """The demo of a project: it fails or succeeds, one receives each."""

    source: Function
    on_success: Function
    on_failure: Function

    @property
    def functions(self) -> tuple[Function, Function, Function]:
        return self.source, self.on_success, self.on_failure


def find(project: Project) -> Demo | None:
    """Return the demo when all of it is there."""
    made = Function.objects.in_project(project).filter(is_demo=True)
    found = {
        function.name[-5:]: function for function in made.select_related("project")
    }
    if set(found) != set(NAMES):
        return None
    return Demo(*(found[name] for name in NAMES))


@transaction.atomic
def create(project: Project, *, by: User) -> Demo:
    """Create the demo, or return the one that is there.

    Where a person has functions of these names, the demo's get the prefix demo-.
    """
    there = find(project)
    if there is not None:
        return there
    remove(project)
    taken = Function.objects.in_project(project).filter(
        package="default", name__in=NAMES
    )
    prefix = "demo-" if taken.exists() else ""
    sources = (samples.FAIL_ON_REQUEST, samples.LOG_EVENT, samples.LOG_EVENT)
    functions = [
        _function(project, prefix + name, source)
        for name, source in zip(NAMES, sources, strict=True)
    ]
    demo = Demo(*functions)
    _configure(demo, by=by)
    return demo


def _function(project: Project, name: str, source: str) -> Function:
    return creating.create(
        project,
        creating.FunctionDraft(
            name=name,
            runtime=available_runtimes()[0],
            agency=_agency(project),
            code=text_package(source, handler="index.handler"),
            is_demo=True,
        ),
    )


def _agency(project: Project) -> Agency:
    agency, _created = Agency.objects.get_or_create(
        project=project, name=DEFAULT_AGENCY, defaults={"actions": [INVOKE_ASYNC]}
    )
    return agency


def _configure(demo: Demo, *, by: User) -> None:
    version = Version.objects.select_related("function__project").get(
        function=demo.source
    )
    kind = KINDS[FUNCTION]
    told = []
    for target in (demo.on_success, demo.on_failure):
        param = json.dumps({"func_urn": target.urn()})
        told.append(Destined(kind.kind, param, kind.read(param, version)))
    # No retries, so that the failure shows within seconds as well.
    wanted = Wanted(max_retries=0, on_success=told[0], on_failure=told[1])
    saving.save(version, wanted, by=by)


def run(demo: Demo, outcome: str, *, by: str) -> Invocation:
    """Call the first function so that it succeeds or fails, as asked."""
    return accepting.accept_from_client(
        resolve(demo.source), EVENTS[outcome], origin=accepting.Origin(by=by)
    )


def remove(project: Project) -> int:
    """Delete what the demo made; return how many functions that was."""
    made = list(Function.objects.in_project(project).filter(is_demo=True))
    for function in made:
        removing.delete_function(function)
    return len(made)
