"""Operators' pages: everything is found, nothing can be bent."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from asyncconfig.models import Delivery, DeliveryAttempt, Invocation
from console.installation import demo
from tests.support.factories import make_project, make_user

pytestmark = pytest.mark.django_db

OURS = [
    model
    for app in ("functions", "asyncconfig", "console")
    for model in apps.get_app_config(app).get_models()
    if model._meta.managed and "_" not in model._meta.model_name
]
HISTORY = ["invocation", "attempt", "delivery", "deliveryattempt", "worker"]


@pytest.fixture
def operator(client, db):
    project = make_project()
    user = make_user("root", project=project, is_superuser=True, is_staff=True)
    client.force_login(user)
    made = demo.create(project, by=user)
    return client, made


@pytest.fixture
def history(operator, engine):
    client, made = operator
    demo.run(made, "fail", by="root")
    engine.run()
    return client


def test_every_model_is_registered():
    assert [model for model in OURS if model not in admin.site._registry] == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_models_list_search_and_open(history, model):
    options = model._meta
    where = f"admin:{options.app_label}_{options.model_name}"

    listed = history.get(reverse(f"{where}_changelist"), {"q": "test"})
    row = model.objects.first()
    opened = row and history.get(reverse(f"{where}_change", args=[row.pk]))

    assert listed.status_code == 200
    assert opened is None or opened.status_code == 200


@pytest.mark.parametrize("name", HISTORY)
def test_history_cannot_be_changed_or_deleted(history, name):
    model = apps.get_model("asyncconfig", name)
    row = model.objects.first()
    where = f"admin:asyncconfig_{name}"

    changed = history.post(reverse(f"{where}_change", args=[row.pk]), {})
    deleted = history.post(reverse(f"{where}_delete", args=[row.pk]), {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert model.objects.filter(pk=row.pk).exists()


def test_secrets_are_not_shown(history):
    user = make_user("keyed")
    key = user.access_keys.create()

    page = history.get(reverse("admin:console_accesskey_change", args=[key.pk]))

    assert key.access_key in page.text
    assert key.secret not in page.text


def test_the_balance_is_for_staff_and_finds_nothing_missing(history, client):
    history.cookies["django_language"] = "en"

    page = history.get("/operator/balance")
    client.force_login(make_user("visitor"))
    refused = client.get("/operator/balance")

    assert "nothing is missing" in page.text
    assert refused.status_code == 403


def test_a_request_that_lost_its_notification_is_found(history):
    history.cookies["django_language"] = "en"
    notified = Delivery.objects.get()
    Invocation.objects.update(source_delivery=None)
    DeliveryAttempt.objects.all().delete()
    notified.delete()

    page = history.get("/operator/balance")

    assert "drift 1" in page.text


def test_a_superuser_sees_the_operators_links(operator):
    page = operator[0].get("/functions")

    assert 'href="/admin/"' in page.text
    assert "/admin/django_rq/" in page.text
