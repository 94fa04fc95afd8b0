"""Whether a function may reach a RocketMQ instance: the four checks of the guide.

The function has a VPC; it is the instance's; the instance's security group lets the
function's subnet in on its port; the region offers the public beta.
"""

from collections.abc import Sequence
from ipaddress import ip_network

from django.conf import settings
from django.utils.translation import gettext as _

from asyncconfig.models import InboundRule, RocketInstance
from functions.models import Subnet, Version
from functions.networks import is_within


def refusals(version: Version, instance: RocketInstance) -> list[str]:
    """Return a sentence for each check that fails; reads the inbound rules."""
    return [
        *region_refusals(settings.REGION, settings.ROCKETMQ_REGIONS),
        *vpc_refusals(version, instance, list(instance.inbound_rules.all())),
    ]


def region_refusals(region: str, offered: Sequence[str]) -> list[str]:
    if region in offered:
        return []
    return [
        _("RocketMQ notification is in public beta and not offered in %(region)s.")
        % {"region": region}
    ]


def vpc_refusals(
    version: Version, instance: RocketInstance, rules: Sequence[InboundRule]
) -> list[str]:
    """Compare both sides; each check needs the one before it."""
    name = version.function.name
    if version.vpc is None or version.subnet is None:
        return [
            _(
                "RocketMQ needs VPC access. Turn it on for %(fn)s and choose the "
                "VPC of instance %(instance)s."
            )
            % {"fn": name, "instance": instance.name}
        ]
    if version.vpc.pk != instance.vpc_id:
        return [
            _(
                "%(fn)s is in VPC %(a)s, instance %(instance)s in VPC %(b)s. "
                "They must be the same."
            )
            % {
                "fn": name,
                "a": version.vpc.name,
                "instance": instance.name,
                "b": instance.vpc.name,
            }
        ]
    if not any(lets_in(rule, version.subnet, instance.port) for rule in rules):
        return [
            _(
                "The security group of %(instance)s lets no traffic in on port "
                "%(port)s. Add an inbound rule."
            )
            % {"instance": instance.name, "port": instance.port}
        ]
    return []


def lets_in(rule: InboundRule, subnet: Subnet, port: int) -> bool:
    """Say whether a rule opens the port to all addresses of the subnet."""
    is_open = rule.first_port <= port <= rule.last_port
    return is_open and is_within(ip_network(subnet.cidr), ip_network(rule.source))


def describe(version: Version, instance: RocketInstance) -> str:
    """Say in which VPC both sides are."""
    params = {
        "fn": version.function.name,
        "instance": instance.name,
        "b": f"{instance.vpc.name} ({instance.vpc.cidr})",
    }
    if version.vpc is None:
        return (
            _("%(fn)s has no VPC access; instance %(instance)s is in VPC %(b)s.")
            % params
        )
    a = f"{version.vpc.name} ({version.vpc.cidr})"
    return _("%(fn)s is in VPC %(a)s, instance %(instance)s in VPC %(b)s.") % (
        params | {"a": a}
    )
