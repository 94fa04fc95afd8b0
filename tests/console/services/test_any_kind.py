"""The dialog shows any kind of destination, whatever its parameters are."""

import re

import pytest
from django.urls import reverse

from asyncconfig.config import verifying
from asyncconfig.destinations import KINDS
from asyncconfig.models import AsyncConfig
from functions import agencies
from functions.models import Agency
from tests.support.factories import accept, latest, make_config, make_function
from tests.support.html import squeezed
from tests.support.kinds import PUT, SEND, Box, Rocket

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(monkeypatch, project):
    made = Box()
    monkeypatch.setitem(KINDS, "Box", made)
    monkeypatch.setitem(KINDS, "Rocket", Rocket())
    agencies.grant(Agency.objects.get(project=project), [PUT, SEND])
    return made


def url(function, page="edit", *more):
    return reverse(f"function-async-{page}", args=["default", function.name, *more])


def wish(side="success", kind="Box", **params):
    chosen = {"box": "red", "prefix": "a", "days": "1"} | params
    return {
        "max_retries": "1",
        "max_age_seconds": "3600",
        f"{side}_kind": kind,
        "revision": "0",
        **{f"{side}-{name}": value for name, value in chosen.items()},
    }


def preview(pages, function, fields):
    page = url(function, "preview")
    return pages.post(page, fields, headers={"HX-Request": "true"}).text


def test_a_kind_is_saved_with_what_its_form_says(pages, box):
    function = make_function()

    response = pages.post(url(function), wish())

    config = AsyncConfig.objects.get()
    assert response.status_code == 302
    assert config.on_success_param == '{"box": "red", "prefix": "a", "days": 1}'
    assert (config.on_success_target, config.on_success_target_key) == ("red/a", "red")


def test_fields_have_their_lists_help_note_and_errors(pages, box):
    function = make_function()

    response = pages.post(url(function), wish(box="gone", prefix="..", days="9999"))

    assert response.status_code == 422
    for said in ("Box gone does not exist.", "The prefix can&#x27;t contain “..”."):
        assert response.text.count(said) >= 2
    assert '<option value="gone" selected>gone</option>' in response.text
    assert "Example: gone/../1.json" in response.text
    assert 'aria-describedby="id_success-prefix_helptext' in response.text
    assert 'value="9999"' in response.text


def test_choosing_a_service_shows_its_fields_unjudged(pages, box):
    function = make_function()

    response = pages.post(
        url(function, "params", "failure"),
        {"failure_kind": "Box"},
        headers={"HX-Request": "true"},
    )

    assert 'name="failure-box"' in response.text
    assert 'type="number"' in response.text
    assert "Choose a box." not in response.text


def test_a_kind_not_offered_is_disabled_with_its_reason(pages, box):
    function = make_function()

    opened = squeezed(pages.get(url(function)).text)
    refused = pages.post(url(function), wish(kind="Rocket"))

    sentence = "Rocket can be chosen for failure notification only."
    assert 'value="Rocket" disabled aria-describedby="why-success-Rocket"' in opened
    assert opened.count(sentence) == 1
    assert opened.count('Rocket service<small class="badge warn">Beta<') == 2
    assert refused.status_code == 422
    assert sentence in refused.context["form"].errors["success_kind"]


def test_checks_say_what_the_service_says(pages, box, project):
    function = make_function()
    good = preview(pages, function, wish())
    verifying.memory.forget()
    box.warning, box.warnings = "The box service does not answer.", ("It is full.",)
    unsure = preview(pages, function, wish())
    far = preview(pages, function, wish(prefix="far"))

    assert "Target red/a exists" in good
    assert "Agency fgconsole-default allows it" in good
    assert "Target red/a exists" not in unsure
    assert "The box service does not answer." in unsure
    assert "It is full." in unsure
    assert "No way leads there." in far


def test_the_note_is_drawn_anew_while_typing(pages, box):
    text = preview(pages, make_function(), wish(prefix="new"))

    assert beside(text, "note-success").startswith("Example: red/new/1.json")


@pytest.mark.parametrize(
    ("changed", "place", "sentence"),
    [
        ({"max_retries": "9"}, "err-retries", "Enter a whole number from 0 to 3."),
        (
            {"max_age_seconds": "0"},
            "err-age",
            "Enter a whole number from 1 to 86400 (24 hours).",
        ),
    ],
)
def test_a_wrong_number_is_said_beside_it_and_not_drawn(
    pages, box, changed, place, sentence
):
    good = preview(pages, make_function(), wish())
    wrong = preview(pages, make_function(), wish() | changed)

    assert beside(good, place) == ""
    assert beside(good, "age-words") == "= 1 h"
    assert 'class="schedule"' in good
    assert beside(wrong, place) == sentence
    assert 'class="schedule"' not in wrong
    assert "Enter both numbers to see when attempts run." in wrong


def test_a_wrong_parameter_is_said_beside_it_and_a_missing_one_is_not(pages, box):
    wrong = preview(pages, make_function(), wish(days="many"))
    empty = preview(pages, make_function(), wish(box=""))

    assert beside(wrong, "id_success-days_error")
    assert beside(empty, "id_success-box_error") == ""


def beside(text, place):
    """Return what a preview writes into a place beside the fields."""
    (said,) = re.findall(rf'<span hx-swap-oob="innerHTML:#{place}">(.*?)</span>', text)
    return said


def test_typing_does_not_hammer_the_service(pages, box):
    function = make_function()
    for _turn in range(3):
        preview(pages, function, wish())
    asked = len(box.verified)

    preview(pages, function, wish() | {"recheck": "1"})
    pages.post(url(function), wish())

    assert (asked, len(box.verified)) == (1, 3)


def test_a_target_that_is_not_there_is_not_saved(pages, box):
    box.verify_error = "Box red does not exist."

    response = pages.post(url(make_function()), wish())

    assert response.status_code == 422
    assert response.text.count("Box red does not exist.") >= 2
    assert not AsyncConfig.objects.exists()


def test_a_missing_right_is_named_with_the_smallest_policy(pages, box, project):
    Agency.objects.update(actions=[])
    function = make_function("fn")

    response = pages.post(url(function), wish())

    assert response.status_code == 422
    sentence = "Agency fgconsole-default lacks box:object:put on red/a."
    assert response.text.count(sentence) >= 2
    assert "&quot;Action&quot;: [" in response.text
    assert "/f/default/fn/settings/permissions?needs=box%3Aobject%3Aput" in (
        response.text
    )
    assert box.verified == []
    assert not AsyncConfig.objects.exists()


def test_without_an_agency_the_service_and_the_action_are_named(pages, box):
    response = pages.post(url(make_function("fn", agency=False)), wish())

    assert (
        "fn has no agency, so it can&#x27;t reach Box service. "
        "Set an agency that allows box:object:put."
    ) in response.text


def test_a_recheck_without_javascript_keeps_what_was_typed(pages, box):
    function = make_function()

    response = pages.post(url(function, "preview"), wish(prefix="typed"))

    assert response.status_code == 200
    assert "<html" in response.text
    assert 'value="typed"' in response.text
    assert not AsyncConfig.objects.exists()


def test_functions_that_lead_back_are_marked_before_they_are_chosen(pages, project):
    a, b = make_function("a"), make_function("b")
    make_config(b, on_failure=a)

    text = pages.post(
        url(a, "params", "success"),
        {"success_kind": "FunctionGraph"},
        headers={"HX-Request": "true"},
    ).text

    assert '<option value="b">b ⚠ leads back to a</option>' in text
    assert '<option value="a">a (self)</option>' in text
    assert text.index('value="b"') < text.index('value="a"')


def test_the_summary_and_the_strip_show_any_kind(pages, box):
    function = make_function()
    pages.post(url(function), wish(side="failure", kind="Rocket"))

    summary = pages.get(reverse("function-async", args=["default", function.name]))
    code = pages.get(reverse("function-code", args=["default", function.name]))

    assert "Rocket service" in summary.text
    assert "red/a" in summary.text
    assert "nothing sent in 24 h" in summary.text
    assert "red/a" in code.text


def test_the_summary_counts_what_arrived(pages, box, engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    for _turn in range(3):
        accept_one(function, engine)
    test2.deleted_at = latest(test2).modified_at
    test2.save()
    accept_one(function, engine)

    page = pages.get(reverse("function-async", args=["default", function.name]))

    assert "75 % delivered in 24 h" in page.text


def accept_one(function, engine):
    accept(function)
    engine.run()


@pytest.mark.parametrize("functions", [1, 5])
def test_the_dialog_takes_a_fixed_number_of_queries(pages, box, functions, asks):
    function = make_function()
    others = [make_function() for _turn in range(functions)]
    make_config(function, on_success=others[0], on_failure=others[0])

    with asks(32):
        pages.get(url(function))
