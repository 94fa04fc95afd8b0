"""The four checks of a RocketMQ destination: how each fails, and what it says."""

from asyncconfig.models import InboundRule
from functions import networks
from tests.support.factories import latest, make_subnet

ENGLISH = {
    "vpc": "RocketMQ needs VPC access. Turn it on for test1 and choose the VPC of "
    "instance mq.",
    "other": "test1 is in VPC net, instance mq in VPC far. They must be the same.",
    "group": "The security group of mq lets no traffic in on port 8081. "
    "Add an inbound rule.",
    "region": "RocketMQ notification is in public beta and not offered in cn-north-4.",
}
CHINESE = {
    "vpc": "通知 RocketMQ 需要函数开启 VPC 访问。请为函数 test1 开启，并选择实例 mq "
    "所在的 VPC。",
    "other": "函数 test1 位于 VPC net，实例 mq 位于 VPC far，两者必须一致。",
    "group": "实例 mq 的安全组未放通入方向端口 8081，请添加规则。",
    "region": "RocketMQ 通知处于公测阶段，cn-north-4 暂不支持。",
}
CHECKS = list(ENGLISH)
LANGUAGES = [("en", ENGLISH), ("zh-hans", CHINESE)]


def spoil(check, *, function, instance, settings):
    """Make one of the checks fail; function test1 is in VPC net, like instance mq."""
    if check == "vpc":
        networks.connect(latest(function), None)
    elif check == "other":
        instance.vpc = make_subnet(vpc="far", project=instance.project).vpc
        instance.save()
    elif check == "group":
        InboundRule.objects.update(source="10.0.2.0/24")
    else:
        settings.REGION = "cn-north-4"
