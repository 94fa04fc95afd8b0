"""The kinds of destinations, by the name the API gives them."""

from asyncconfig.destinations.base import Destination
from asyncconfig.destinations.dis import DisDestination
from asyncconfig.destinations.function import FunctionDestination
from asyncconfig.destinations.obs import ObsDestination
from asyncconfig.destinations.rocketmq import RocketDestination
from asyncconfig.destinations.smn import TopicDestination

KINDS: dict[str, Destination] = {
    destination.kind: destination
    for destination in (
        FunctionDestination(),
        ObsDestination(),
        DisDestination(),
        TopicDestination(),
        RocketDestination(),
    )
}
