"""What a kind of destination is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from django import forms
from django.utils.functional import Promise

from asyncconfig.models import Delivery
from functions.models import Function, Version


@dataclass(frozen=True)
class Target:
    """A destination's parameters, read: its name for people, and the function."""

    name: str
    function: Function | None = None


class Destination(ABC):
    """One kind of target. Nobody outside its module asks which kind it is.

    `kind` is the API's name, `sides` where it may be chosen, `action` what the
    function's agency must allow. `in_transaction` says that sending is itself a
    write to our database, done together with the delivery's own.
    """

    kind: str
    label: str | Promise
    action: str
    sides: tuple[str, ...] = (Delivery.Side.SUCCESS, Delivery.Side.FAILURE)
    in_transaction = False

    @abstractmethod
    def form(self, version: Version, **kwargs: object) -> "ParamForm":
        """Return the form of the parameters, bound or not."""

    @abstractmethod
    def initial(self, param: str, version: Version) -> dict[str, str]:
        """Return what the form shows for a stored `param`; may raise as `read`."""

    @abstractmethod
    def read(self, param: str, version: Version) -> Target:
        """Read `param` as the API gives it; raises ValidationError with sentences."""

    @abstractmethod
    def send(self, delivery: Delivery) -> str:
        """Deliver the record; return the answer in words or raise DeliveryError."""


class ParamForm(forms.Form):
    """The parameters of a destination, as the dialog asks for them."""

    def param(self) -> str:
        """Return the valid form as the API's `param` string."""
        raise NotImplementedError
