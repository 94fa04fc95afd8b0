"""Agencies: their page, what they may be, and that no secret leaves."""

import pytest
from django.urls import reverse

from asyncconfig import removing
from asyncconfig.models import Delivery
from console import access
from functions import agencies
from functions.exceptions import StillUsed
from functions.models import Agency
from functions.models.agency import Reach
from tests.support.factories import (
    accept,
    latest,
    make_config,
    make_function,
    make_project,
    make_user,
)
from tests.support.html import squeezed

pytestmark = pytest.mark.django_db

KEYED = {
    "access_key": "AK1",
    "secret_key": "S3CR3T-VALUE",
    "project_id": "p1",
    "region": "cn-east-3",
    "endpoint_OBS": "https://obs.example.com/",
}


@pytest.fixture
def keyed(project):
    reach = Reach("AK1", "S3CR3T-VALUE", "p1", "cn-east-3", {"OBS": "https://o.test"})
    return agencies.create(
        project,
        "keyed",
        agencies.WantedAgency(["obs:object:PutObject", "vpc:get"], reach),
    )


def url(agency, page="agency"):
    return reverse(page, args=[agency.pk])


def test_an_agency_is_made_and_reaches_what_was_written(pages):
    response = pages.post(
        reverse("agency-create"),
        {"name": "cloud", "actions": ["obs:object:PutObject"], **KEYED},
    )

    made = Agency.objects.get(name="cloud")
    assert response.status_code == 302
    assert made.actions == ["obs:object:PutObject"]
    assert made.reach == Reach(
        "AK1", "S3CR3T-VALUE", "p1", "cn-east-3", {"OBS": "https://obs.example.com"}
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": ""}, "Fill this in."),
        ({"name": "x" * 65}, "Use 1–64 letters"),
        ({"name": "a/b"}, "Use 1–64 letters"),
        ({"name": "fgconsole-default"}, "already exists"),
        ({"actions": ["iam:users:delete"]}, "Choose an entry from the list."),
        ({"endpoint_OBS": "ftp://obs.example.com"}, "Write the service"),
        ({"endpoint_OBS": "https://"}, "Write the service"),
        ({"endpoint_OBS": "https://[::1"}, "Write the service"),
        ({"endpoint_OBS": "https://a@b.example.com"}, "Write the service"),
        ({"endpoint_OBS": "https://b.example.com/?x=1"}, "Write the service"),
        ({"endpoint_OBS": "http://obs.example.com"}, "Use https."),
        ({"endpoint_OBS": "https://169.254.169.254"}, "its link"),
        ({"endpoint_OBS": "https://2852039166"}, "its link"),
        ({"endpoint_SMN": "https://localhost:8443"}, "this machine"),
        ({"endpoint_DIS": "https://10.0.0.1"}, "private or reserved"),
        ({"access_key": ""}, "Enter the access key of this secret."),
        ({"secret_key": ""}, "Enter the secret of this access key."),
        ({"access_key": "", "secret_key": ""}, "needs an access key"),
    ],
)
def test_what_cannot_be_is_said_and_not_stored(pages, changed, message):
    response = pages.post(
        reverse("agency-create"), {"name": "cloud", **KEYED, **changed}
    )

    assert response.status_code == 422
    assert message in response.text
    assert Agency.objects.count() == 1


def test_the_storage_of_this_installation_may_be_reached_without_tls(pages, settings):
    settings.OBS_ENDPOINT = "http://127.0.0.1:8333"
    fields = {"name": "here", **KEYED, "endpoint_OBS": "http://127.0.0.1:8333"}

    pages.post(reverse("agency-create"), fields)

    assert Agency.objects.get(name="here").reach.endpoint("OBS").endswith(":8333")


def test_an_empty_secret_keeps_the_stored_one_and_unknown_actions_stay(pages, keyed):
    opened = pages.get(url(keyed))

    pages.post(
        url(keyed), {**KEYED, "secret_key": "", "actions": ["vpc:get"], "region": "r2"}
    )

    keyed.refresh_from_db()
    assert 'value="vpc:get" checked' in squeezed(opened.text)
    assert keyed.actions == ["vpc:get"]
    assert (keyed.reach.secret_key, keyed.reach.region) == ("S3CR3T-VALUE", "r2")
    assert keyed.name == "keyed"


def test_another_access_key_needs_its_own_secret(pages, keyed):
    response = pages.post(url(keyed), {**KEYED, "access_key": "AK2", "secret_key": ""})

    assert response.status_code == 422
    assert Agency.objects.get(name="keyed").reach.access_key == "AK1"


def test_a_key_that_is_taken_out_takes_its_secret_along(pages, keyed):
    pages.post(url(keyed), {"actions": []})

    keyed.refresh_from_db()
    assert keyed.reach == Reach()


def test_secrets_are_written_and_never_read(pages, project, keyed, client, caplog):
    function = make_function(project=project)
    version = latest(function)
    version.agency = keyed
    version.save()
    refused = pages.post(url(keyed), {**KEYED, "endpoint_OBS": "x"})
    shown = [
        pages.get(page).text
        for page in (
            reverse("agencies"),
            url(keyed),
            url(keyed, "agency-delete"),
            reverse("function-permissions", args=["default", function.name]),
        )
    ]
    root = make_user("root", is_superuser=True, is_staff=True)
    client.force_login(root)
    shown.append(client.get(f"/admin/functions/agency/{keyed.pk}/change/").text)

    assert "S3CR3T-VALUE" not in "".join([refused.text, *shown, caplog.text])
    assert "S3CR3T-VALUE" not in repr(keyed.reach)
    assert "A secret is set." in shown[1]


def test_an_agency_in_use_is_not_deleted_and_says_by_whom(pages, project):
    make_function("test1", project=project)
    agency = Agency.objects.get()

    asked = pages.get(url(agency, "agency-delete"))
    response = pages.post(url(agency, "agency-delete"), follow=True)

    assert "test1" in asked.text
    assert "is used by test1" in response.text
    assert Agency.objects.exists()


def test_an_agency_of_deleted_versions_only_can_go(pages, keyed, project):
    function = make_function(project=project)
    version = latest(function)
    version.agency = keyed
    version.save()
    function.versions.update(deleted_at=version.modified_at)

    pages.post(url(keyed, "agency-delete"))

    assert not Agency.objects.filter(name="keyed").exists()


def test_an_agency_stays_while_a_deleted_function_still_owes(engine, project, pages):
    test2 = make_function("test2", project=project)
    function = make_function("gone", project=project)
    make_config(function, on_success=test2)
    accept(function)
    engine.settle([(c, engine.invoke.run(c)) for c in engine.claim()])
    version = latest(function)
    function.deleted_at = version.modified_at
    function.save()
    test2.versions.update(agency=None)

    response = pages.post(url(version.agency, "agency-delete"), follow=True)

    assert Delivery.objects.get().status == "WAIT"
    assert "Notifications of gone are still sent with agency" in response.text
    assert Agency.objects.exists()


TOLD = [
    ({"on_success": True}, "async", True),
    ({"on_failure": True}, "async", True),
    ({}, "async", False),
    (None, "async", False),
    ({"on_success": True, "on_failure": True}, "sync", False),
]


@pytest.mark.parametrize(("config", "mode", "stays"), TOLD)
def test_an_agency_stays_while_what_will_owe_is_running(
    engine, project, pages, config, mode, stays
):
    test2 = make_function("test2", project=project)
    function = make_function("gone", project=project)
    if config is not None:
        make_config(function, **dict.fromkeys(config, test2))
    accept(function, mode=mode)
    assert engine.claim()
    test2.versions.update(agency=None)
    removing.delete_function(function)
    agency = latest(function).agency

    response = pages.post(url(agency, "agency-delete"), follow=True)

    refusal = "Notifications of gone are still sent with agency"
    assert (refusal in response.text) is stays
    assert Agency.objects.exists() is stays


def test_a_grant_adds_and_keeps(keyed):
    agencies.grant(keyed, ["smn:topic:publish", "vpc:get"])

    assert keyed.actions == ["obs:object:PutObject", "vpc:get", "smn:topic:publish"]


def test_the_verb_refuses_as_the_page_does(project):
    make_function("test1", project=project)

    with pytest.raises(StillUsed, match="test1"):
        agencies.delete(Agency.objects.get())


@pytest.mark.parametrize(("users", "further"), [(5, ""), (6, " …")])
def test_five_users_are_named(project, users, further):
    for number in range(users):
        make_function(f"fn{number}", project=project)

    with pytest.raises(StillUsed, match=f"used by fn0, fn1, fn2, fn3, fn4{further}[.]"):
        agencies.delete(Agency.objects.get())


PAGES = ["agency", "agency-delete"]


@pytest.mark.parametrize("page", PAGES)
def test_readers_see_the_list_and_change_nothing(client, project, keyed, page):
    client.force_login(make_user(group=access.READER, project=project))

    listed = client.get(reverse("agencies"))
    changed = [client.get(url(keyed, page)), client.post(url(keyed, page))]

    assert listed.status_code == 200
    assert "AK1" not in listed.text
    assert [one.status_code for one in changed] == [403, 403]


@pytest.mark.parametrize("page", PAGES)
def test_another_projects_agency_does_not_exist(client, keyed, page):
    other = make_project("elsewhere")
    client.force_login(make_user(group=access.ADMINISTRATOR, project=other))

    listed = client.get(reverse("agencies"))

    assert client.get(url(keyed, page)).status_code == 404
    assert client.post(url(keyed, page)).status_code == 404
    assert "keyed" not in listed.text


@pytest.mark.parametrize("rows", [1, 4])
def test_the_list_takes_a_fixed_number_of_queries(pages, project, rows, asks):
    for number in range(rows):
        agencies.create(project, f"a{number}", agencies.WantedAgency([], Reach()))
        make_function(project=project)

    with asks(6):
        pages.get(reverse("agencies"))
