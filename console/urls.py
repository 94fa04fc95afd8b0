"""Every address of the console."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from console.pages import api_explorer, functions, health, operate, runner, welcome
from console.pages.function import (
    async_config,
    async_test,
    code,
    events,
    network,
    permissions,
    settings,
)
from console.pages.manage import access_keys, account, agencies
from console.pages.moved import moved
from console.pages.observe import chain, deliveries, invocations
from console.pages.services import (
    buckets,
    messages,
    networks,
    rocketmq,
    streams,
    subscription_links,
    subscriptions,
    topics,
)

# /f/<package>/<name>/
function_urls = [
    path("code", code.edit, name="function-code"),
    path("code/download", code.download, name="function-code-download"),
    path("delete", functions.delete, name="function-delete"),
    path("enabled", functions.switch, name="function-enabled"),
    path("events", events.edit, name="function-events"),
    path("events/<str:event_name>", events.edit, name="function-event"),
    path("events/<str:event_name>/delete", events.delete, name="function-event-delete"),
    path("settings/general", settings.general, name="function-general"),
    path("settings/permissions", permissions.show, name="function-permissions"),
    path("settings/permissions/grant", permissions.grant, name="function-grant"),
    path("settings/network", network.edit, name="function-network"),
    path("settings/versions", settings.versions, name="function-versions"),
    path(
        "settings/versions/<str:version>/delete",
        settings.delete_version,
        name="function-version-delete",
    ),
    path("settings/aliases", settings.list_aliases, name="function-aliases"),
    path(
        "settings/aliases/<str:alias>/delete",
        settings.delete_alias,
        name="function-alias-delete",
    ),
    path("settings/async", async_config.summary, name="function-async"),
    path("settings/async/edit", async_config.edit, name="function-async-edit"),
    path("settings/async/preview", async_config.preview, name="function-async-preview"),
    path(
        "settings/async/params/<str:side>",
        async_config.params,
        name="function-async-params",
    ),
    path(
        "settings/async/test-delivery",
        async_test.probe,
        name="function-async-probe",
    ),
    path("settings/async/remove", async_config.remove, name="function-async-remove"),
    path("logs", invocations.logs, name="function-logs"),
]

# /invocations/
invocation_urls = [
    path("<uuid:request_id>", invocations.detail, name="invocation"),
    path("<uuid:request_id>/chain", chain.show, name="invocation-chain"),
    path("<uuid:request_id>/cancel", invocations.cancel, name="invocation-cancel"),
    path("<uuid:request_id>/rerun", invocations.rerun, name="invocation-rerun"),
    path("<uuid:request_id>/<str:part>.bin", invocations.body, name="invocation-body"),
]

# /services/topics/<topic>/
topic_urls = [
    path("delete", topics.delete, name="topic-delete"),
    path("subscribe", subscriptions.add, name="topic-subscribe"),
    path(
        "subscriptions/<uuid:subscription_id>/remove",
        subscriptions.remove,
        name="subscription-remove",
    ),
    path(
        "subscriptions/<uuid:subscription_id>/ask",
        subscriptions.ask_again,
        name="subscription-ask",
    ),
    path("publish", messages.publish, name="topic-publish"),
    path("messages/<uuid:message_id>", messages.show, name="message"),
    path(
        "messages/<uuid:message_id>/resend",
        messages.resend_all,
        name="message-resend",
    ),
]

# /services/streams/<name>/
stream_urls = [
    path("records", streams.put, name="stream-put"),
    path("delete", streams.delete, name="stream-delete"),
]

# /services/buckets/<name>/
bucket_urls = [
    path("delete", buckets.delete, name="bucket-delete"),
    path("download", buckets.download, name="bucket-download"),
    path("delete-object", buckets.delete_object, name="bucket-object-delete"),
]

# /services/rocketmq/<instance_id>/
rocketmq_urls = [
    path("edit", rocketmq.edit, name="rocketmq-edit"),
    path("delete", rocketmq.delete, name="rocketmq-delete"),
    path("topics", rocketmq.add_topic, name="rocketmq-topics"),
    path(
        "topics/<str:topic>/delete", rocketmq.remove_topic, name="rocketmq-topic-delete"
    ),
    path("rules", rocketmq.add_rule, name="rocketmq-rules"),
    path("rules/<int:rule>/delete", rocketmq.remove_rule, name="rocketmq-rule-delete"),
]

# /services/networks/<vpc_id>/
network_urls = [
    path("subnets/new", networks.create_subnet, name="subnet-create"),
    path("delete", networks.delete, name="network-delete"),
    path(
        "subnets/<uuid:subnet_id>/delete", networks.delete_subnet, name="subnet-delete"
    ),
]

# /services/; a topic, a stream and a bucket may be called "new".
service_urls: list[URLPattern | URLResolver] = [
    path("topics", topics.index, name="topics"),
    path("new-topic", topics.create, name="topic-create"),
    path("topics/<str:topic>", topics.show, name="topic"),
    path("topics/<str:topic>/", include(topic_urls)),
    path("streams", streams.index, name="streams"),
    path("new-stream", streams.create, name="stream-create"),
    path("streams/<str:name>", streams.show, name="stream"),
    path("streams/<str:name>/", include(stream_urls)),
    path("buckets", buckets.index, name="buckets"),
    path("new-bucket", buckets.create, name="bucket-create"),
    path("buckets/<str:name>", buckets.show, name="bucket"),
    path("buckets/<str:name>/", include(bucket_urls)),
    path("rocketmq", rocketmq.index, name="rocketmq"),
    path("rocketmq/new", rocketmq.create, name="rocketmq-create"),
    path("rocketmq/<uuid:instance_id>", rocketmq.show, name="rocketmq-instance"),
    path("rocketmq/<uuid:instance_id>/", include(rocketmq_urls)),
    path("networks", networks.index, name="networks"),
    path("networks/new", networks.create, name="network-create"),
    path("networks/<uuid:vpc_id>", networks.show, name="network"),
    path("networks/<uuid:vpc_id>/", include(network_urls)),
]

# What addresses were called before; people keep them in bookmarks and tickets.
former_urls = [
    path("resources/<path:rest>", moved, {"now": "/services/"}),
    path("networks", moved, {"now": "/services/networks"}),
    path("networks/<path:rest>", moved, {"now": "/services/networks/"}),
]

urlpatterns = [
    path("", functions.home, name="home"),
    path("login", account.login, name="login"),
    path("logout", account.logout, name="logout"),
    path("language", account.set_language, name="set-language"),
    path("theme", account.set_theme, name="set-theme"),
    path("project", account.set_project, name="set-project"),
    path("healthz", health.health, name="health"),
    path("readyz", health.ready, name="ready"),
    path("welcome", welcome.show, name="welcome"),
    path("welcome/demo", welcome.create, name="demo-create"),
    path("welcome/demo/remove", welcome.remove, name="demo-remove"),
    path("welcome/demo/run/<str:outcome>", welcome.run, name="demo-run"),
    path("functions", functions.index, name="functions"),
    path("functions/new", functions.create, name="function-create"),
    path("f/<str:package>/<str:name>/", include(function_urls)),
    path("run", runner.run, name="runner"),
    path("invocations", invocations.index, name="invocations"),
    path("invocations/", include(invocation_urls)),
    path(
        "deliveries/<uuid:delivery_id>/resend",
        deliveries.resend_one,
        name="delivery-resend",
    ),
    path("deliveries", deliveries.index, name="deliveries"),
    path("deliveries/resend", deliveries.resend, name="deliveries-resend"),
    path("services/", include(service_urls)),
    path("", include(former_urls)),
    path(
        "notifications/<uuid:delivery_id>/resend",
        messages.resend,
        name="message-delivery-resend",
    ),
    path(
        "smn/subscription/confirm",
        subscription_links.confirm,
        name="subscription-confirm",
    ),
    path(
        "smn/subscription/unsubscribe",
        subscription_links.leave,
        name="subscription-leave",
    ),
    path("api-explorer", api_explorer.explore, name="api-explorer"),
    path("access-keys", access_keys.index, name="access-keys"),
    path("access-keys/new", access_keys.create, name="access-key-create"),
    path(
        "access-keys/<str:access_key>/active",
        access_keys.switch,
        name="access-key-switch",
    ),
    path(
        "access-keys/<str:access_key>/delete",
        access_keys.delete,
        name="access-key-delete",
    ),
    path("agencies", agencies.index, name="agencies"),
    path("agencies/new", agencies.create, name="agency-create"),
    path("agencies/<int:pk>", agencies.edit, name="agency"),
    path("agencies/<int:pk>/delete", agencies.delete, name="agency-delete"),
    path("operator/health", health.show, name="operator-health"),
    path("operator/ledger", operate.show_ledger, name="operator-ledger"),
    path("operator/balance", operate.balance, name="balance"),
    path("operator/deliveries", deliveries.operate, name="operator-deliveries"),
    path(
        "operator/deliveries/resend",
        deliveries.operate_resend,
        name="operator-deliveries-resend",
    ),
    path("admin/", admin.site.urls),
    path("", include("console.api.routes")),
]

handler404 = "console.pages.errors.missing"
handler500 = "console.pages.errors.broken"
