"""What a function writes on its channel decides over its own request, and no more."""

import base64
import json

import pytest

from asyncconfig.models import Attempt, Invocation
from functions.runtime.bootstrap.protocol import pack
from tests.runtime.forging import FORGER, header
from tests.support.engine import states
from tests.support.factories import accept, make_config, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

POISON = [
    {"kind": "code", "code": 10**30},
    {"memory_mb": float("inf"), "cpu_seconds": float("inf")},
    {"kind": "code", "code": 2**31},
    {"error": "a\0b\ud800"},
    {"kind": ["ok"]},
]
FATES = [("cancelled", 4208), ("lost", 150427), ("system", 330404)]


def forge(function, *, mode="async", **changes):
    answer = base64.b64encode(pack(header(**changes), b"forged")).decode()
    return accept(function, json.dumps(answer).encode(), mode=mode)


@pytest.mark.parametrize("mode", ["async", "sync"])
@pytest.mark.parametrize("poison", POISON)
def test_poison_keeps_nobody_from_a_result(engine, poison, mode):
    poisoned = make_function(source=FORGER)
    before, _, after = (
        accept(make_function()),
        forge(poisoned, mode=mode, **poison),
        accept(make_function()),
    )

    engine.run()

    ends = [Invocation.objects.get(pk=row.pk).status for row in (before, after)]
    assert ends == ["SUCCESS", "SUCCESS"]
    attempt = Attempt.objects.get(invocation__function=poisoned)
    assert attempt.kind in ("ok", "result")
    assert attempt.memory_mb < 1000


@pytest.mark.parametrize(("kind", "code"), FATES)
def test_function_does_not_say_itself_what_became_of_its_run(engine, kind, code):
    function = make_function(source=FORGER)
    make_config(function, max_retries=1)
    forge(function, kind=kind, code=code)

    engine.run_out()

    invocation = Invocation.objects.get(function=function)
    assert states() == ["FAIL"]
    assert (invocation.attempts, invocation.losses) == (2, 0)
    assert (invocation.condition, invocation.status_code) == (
        "UnhandledInvocationError",
        200,
    )
    assert "may not say how a run ends" in invocation.error
