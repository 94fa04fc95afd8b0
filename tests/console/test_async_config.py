"""The dialog Settings → Async configuration."""

import pytest
from django.urls import reverse
from django.utils import translation

from asyncconfig.decisions import loops
from asyncconfig.models import AsyncConfig
from console import access
from tests.support.factories import latest, make_config, make_function, make_user

pytestmark = pytest.mark.django_db

FAULTS = "Enter a whole number from 0 to 3."
AGES = "Enter a whole number from 1 to 86400 (24 hours)."


def url(function, page="edit"):
    return reverse(f"function-async-{page}", args=["default", function.name])


def fields(**changed):
    return {
        "max_retries": "1",
        "max_age_seconds": "3600",
        "success_kind": "",
        "failure_kind": "",
        "revision": "0",
        **changed,
    }


def told(side, function, qualifier="latest"):
    return {
        f"{side}_kind": "FunctionGraph",
        f"{side}-function": function.name,
        f"{side}-qualifier": qualifier,
    }


def test_the_dialog_first_opens_with_1_and_3600(pages):
    page = pages.get(url(make_function()))

    form = page.context["form"]
    assert form["max_retries"].value() == 1
    assert form["max_age_seconds"].value() == 3600


@pytest.mark.parametrize("retries", ["0", "3"])
@pytest.mark.parametrize("age", ["1", "86400"])
def test_the_limits_are_accepted(pages, retries, age):
    function = make_function()

    response = pages.post(
        url(function), fields(max_retries=retries, max_age_seconds=age)
    )

    config = AsyncConfig.objects.get()
    assert response.status_code == 302
    assert (config.max_retries, config.max_age_seconds) == (int(retries), int(age))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"max_retries": "-1"}, FAULTS),
        ({"max_retries": "4"}, FAULTS),
        ({"max_retries": "1.5"}, FAULTS),
        ({"max_retries": "x"}, FAULTS),
        ({"max_retries": ""}, FAULTS),
        ({"max_age_seconds": "0"}, AGES),
        ({"max_age_seconds": "86401"}, AGES),
        (
            {"success_kind": "FunctionGraph", "success-qualifier": "latest"},
            "Choose a function.",
        ),
        (
            {
                "failure_kind": "FunctionGraph",
                "failure-function": "gone",
                "failure-qualifier": "latest",
            },
            "Function gone no longer exists.",
        ),
        ({"success_kind": "Pigeon"}, "Choose a target service from the list."),
    ],
)
def test_what_is_wrong_is_said_beside_it_and_nothing_is_stored(pages, changed, message):
    response = pages.post(url(make_function()), fields(**changed))

    assert response.status_code == 422
    assert response.text.count(message) >= 2  # in the summary and beside the field
    assert not AsyncConfig.objects.exists()
    for name, value in changed.items():
        if name.startswith("max_") or value == "gone":
            assert f'value="{value}"' in response.text


def test_targets_are_stored_as_the_api_knows_them(pages):
    test1, test2, test3 = (make_function(f"test{n}") for n in (1, 2, 3))

    pages.post(url(test1), fields(**told("success", test2), **told("failure", test3)))

    config = AsyncConfig.objects.get()
    assert config.on_success_param == f'{{"func_urn": "{test2.urn("latest")}"}}'
    assert config.on_failure_target == "test3:latest"
    assert config.on_failure_function == test3


def test_a_loop_is_refused_until_its_exact_path_is_accepted(pages):
    a, b, c = make_function("a"), make_function("b"), make_function("c")
    make_config(b, on_success=a)
    wish = fields(**told("success", b))

    refused = pages.post(url(a), wish)
    other = loops.digest(
        [loops.path_back({}, source="c", edge=loops.Edge("success", "c"))]
    )
    wrong = pages.post(url(a), wish | {"accepted_loop": other})
    digest = refused.context["form"].loop_digest
    accepted = pages.post(url(a), wish | {"accepted_loop": digest})

    assert (refused.status_code, wrong.status_code, accepted.status_code) == (
        422,
        422,
        302,
    )
    assert "a ─✓→ b ─✓→ a" in refused.text
    assert AsyncConfig.objects.filter(version__function=a).count() == 1
    assert c.name == "c"


def test_a_saved_loop_is_shown_on_both_functions_and_in_the_list(pages):
    a, b = make_function("a"), make_function("b")
    make_config(a, on_success=b)
    make_config(b, on_failure=a)

    heads = [
        pages.get(reverse("function-code", args=["default", name])).text
        for name in ("a", "b")
    ]
    listed = pages.get("/functions").text

    assert "a ─✓→ b ─✗→ a" in heads[0]
    assert "b ─✗→ a ─✓→ b" in heads[1]
    assert listed.count("in a loop") == 2


def test_loops_may_be_forbidden(pages, settings):
    settings.ASYNC_LOOPS = "refuse"
    a = make_function("a")
    digest = loops.digest(
        [loops.path_back({}, source="a", edge=loops.Edge("success", "a"))]
    )

    response = pages.post(url(a), fields(**told("success", a), accepted_loop=digest))

    assert response.status_code == 422
    assert "Loops are not allowed here." in response.text


def test_a_missing_right_of_the_agency_is_named(pages):
    test2 = make_function("test2")
    function = make_function(agency=False)

    response = pages.post(url(function), fields(**told("success", test2)))

    assert response.status_code == 422
    assert "functiongraph:function:invokeAsync" in response.text
    assert not AsyncConfig.objects.exists()


def test_two_people_editing_at_once_see_each_other(pages):
    function = make_function()
    make_config(function, max_retries=3)

    response = pages.post(url(function), fields(max_retries="0", revision="0"))

    assert response.status_code == 409
    assert AsyncConfig.objects.current().get().max_retries == 3
    assert "This configuration was changed at" in response.text


def test_a_second_save_is_a_new_revision(pages):
    function = make_function()
    pages.post(url(function), fields())
    pages.post(url(function), fields(max_retries="2", revision="1"))

    rows = AsyncConfig.objects.order_by("number")
    assert [(row.number, row.is_current) for row in rows] == [(1, False), (2, True)]


def test_removing_leaves_a_revision_that_is_not_in_force(pages):
    function = make_function()
    make_config(function)

    pages.post(url(function, "remove"))

    assert AsyncConfig.objects.for_version(latest(function)) is None
    assert AsyncConfig.objects.count() == 2


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Insufficient"), ("zh-hans", "用户权限不足")]
)
def test_readers_are_told_what_to_ask_for(client, project, language, words):
    function = make_function()
    client.force_login(make_user(group=access.READER, project=project))
    client.cookies["django_language"] = language

    response = client.post(url(function), fields())

    assert response.status_code == 403
    assert words in response.text
    assert "FunctionGraph Administrator" in response.text
    assert not AsyncConfig.objects.exists()


def test_the_preview_draws_and_stores_nothing(pages):
    function = make_function()

    response = pages.post(
        url(function, "preview"),
        fields(max_retries="3", max_age_seconds="60"),
        headers={"HX-Request": "true"},
    )

    assert response.status_code == 200
    assert "Only 3 of 4 attempts fit in the validity period of 1 min." in response.text
    assert "<html" not in response.text
    assert not AsyncConfig.objects.exists()


def test_htmx_is_sent_to_the_page_after_saving(pages):
    function = make_function()

    response = pages.post(url(function), fields(), headers={"HX-Request": "true"})

    where = reverse("function-async", args=["default", function.name])
    assert response.headers["HX-Redirect"] == where


def test_an_alias_shows_its_versions_configuration_read_only(pages):
    function = make_function()
    make_config(function, max_retries=2)
    function.aliases.create(name="prod", version=latest(function))

    page = pages.get(
        reverse("function-async", args=["default", function.name]) + "?v=!prod"
    )
    saved = pages.post(url(function) + "?v=!prod", fields(revision="1"))

    assert "An alias shows the configuration" in page.text
    assert saved.status_code == 422
    assert AsyncConfig.objects.count() == 1


def test_every_message_is_translated():
    with translation.override("zh-hans"):
        assert translation.gettext(FAULTS) == "请输入 0–3 之间的整数。"
