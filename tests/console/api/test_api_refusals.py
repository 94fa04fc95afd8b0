"""Each refusal of a service has one answer of the API, whatever it derives from."""

import pytest

from asyncconfig.exceptions import StreamExists, StreamUnknown, TopicGone
from console.api.errors import answer_to
from functions.exceptions import Gone, LimitReached, NameTaken, StillUsed


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (StreamUnknown("s"), 400, "DIS.4301"),
        (StreamExists("s"), 400, "DIS.4307"),
        (TopicGone("t"), 404, "SMN.0006"),
        (Gone("x"), 404, "FSS.0404"),
        (StillUsed("x"), 409, "FSS.0409"),
        (LimitReached("x"), 403, "FSS.0400"),
        (NameTaken("x"), 400, "FSS.0400"),
    ],
)
def test_a_refusal_keeps_its_status_and_code(refusal, status, code):
    answer = answer_to(refusal)

    assert answer.status_code == status
    assert code.encode() in answer.content
