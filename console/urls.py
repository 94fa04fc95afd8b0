"""Every address of the console."""

from django.contrib import admin
from django.urls import include, path

from console.pages import api_explorer, functions, health, operate, runner, welcome
from console.pages.function import (
    async_config,
    async_test,
    code,
    events,
    permissions,
    settings,
)
from console.pages.manage import access_keys, account, agencies
from console.pages.observe import deliveries, invocations
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
    path("settings/network", networks.of_function, name="function-network"),
    path("settings/versions", settings.versions, name="function-versions"),
    path(
        "settings/versions/<str:version>/delete",
        settings.delete_version,
        name="function-version-delete",
    ),
    path("settings/aliases", settings.aliases, name="function-aliases"),
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
    path("<uuid:request_id>/chain", runner.chain, name="invocation-chain"),
    path("<uuid:request_id>/cancel", invocations.cancel, name="invocation-cancel"),
    path("<uuid:request_id>/rerun", invocations.rerun, name="invocation-rerun"),
    path("<uuid:request_id>/<str:part>.bin", invocations.body, name="invocation-body"),
]

# /resources/streams/
stream_urls = [
    path("<str:name>", streams.detail, name="stream"),
    path("<str:name>/records", streams.put, name="stream-put"),
    path("<str:name>/delete", streams.delete, name="stream-delete"),
]

# /resources/buckets/<name>/
bucket_urls = [
    path("delete", buckets.delete, name="bucket-delete"),
    path("download", buckets.download, name="bucket-download"),
    path("delete-object", buckets.delete_object, name="bucket-object-delete"),
]

# /networks/
network_urls = [
    path("new", networks.create, name="network-create"),
    path("<uuid:vpc_id>", networks.detail, name="network"),
    path("<uuid:vpc_id>/subnets/new", networks.create_subnet, name="subnet-create"),
    path("<uuid:vpc_id>/delete", networks.delete, name="network-delete"),
    path(
        "<uuid:vpc_id>/subnets/<uuid:subnet_id>/delete",
        networks.delete_subnet,
        name="subnet-delete",
    ),
]

# /resources/rocketmq/
rocketmq_urls = [
    path("new", rocketmq.create, name="rocketmq-create"),
    path("<uuid:instance_id>", rocketmq.detail, name="rocketmq-instance"),
    path("<uuid:instance_id>/edit", rocketmq.edit, name="rocketmq-edit"),
    path("<uuid:instance_id>/delete", rocketmq.delete, name="rocketmq-delete"),
    path("<uuid:instance_id>/topics", rocketmq.add_topic, name="rocketmq-topics"),
    path(
        "<uuid:instance_id>/topics/<str:topic>/delete",
        rocketmq.remove_topic,
        name="rocketmq-topic-delete",
    ),
    path("<uuid:instance_id>/rules", rocketmq.add_rule, name="rocketmq-rules"),
    path(
        "<uuid:instance_id>/rules/<int:rule>/delete",
        rocketmq.remove_rule,
        name="rocketmq-rule-delete",
    ),
]

# /resources/topics/<topic>/
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

urlpatterns = [
    path("", functions.home, name="home"),
    path("login", account.login, name="login"),
    path("logout", account.logout, name="logout"),
    path("language", account.set_language, name="set-language"),
    path("theme", account.set_theme, name="set-theme"),
    path("project", account.set_project, name="set-project"),
    path("healthz", health.health, name="health"),
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
    path("resources/streams", streams.index, name="streams"),
    # A stream may be called "new".
    path("resources/new-stream", streams.create, name="stream-create"),
    path("resources/streams/", include(stream_urls)),
    path("resources/buckets", buckets.index, name="buckets"),
    path("resources/new-bucket", buckets.create, name="bucket-create"),
    path("resources/buckets/<str:name>", buckets.detail, name="bucket"),
    path("resources/buckets/<str:name>/", include(bucket_urls)),
    path("networks", networks.index, name="networks"),
    path("networks/", include(network_urls)),
    path("resources/rocketmq", rocketmq.index, name="rocketmq"),
    path("resources/rocketmq/", include(rocketmq_urls)),
    path("resources/topics", topics.index, name="topics"),
    path("resources/new-topic", topics.create, name="topic-create"),
    path("resources/topics/<str:topic>", topics.show, name="topic"),
    path("resources/topics/<str:topic>/", include(topic_urls)),
    path(
        "notifications/<uuid:notification_id>/resend",
        messages.resend,
        name="notification-resend",
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
