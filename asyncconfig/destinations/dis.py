"""Destination: a stream of the data ingestion service (DIS), here or in the cloud."""

import base64
import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from asyncconfig.clients import cloud
from asyncconfig.destinations.base import (
    Destination,
    ParamForm,
    Parcel,
    read_param,
)
from asyncconfig.exceptions import (
    DeliveryError,
    RecordsAway,
    RecordsRefused,
    StreamUnknown,
)
from asyncconfig.models import Stream
from asyncconfig.models.config import DIS
from asyncconfig.models.stream import NAME_FORM
from asyncconfig.receipt import Receipt
from asyncconfig.services.streams import keeping, partitions, records
from asyncconfig.services.streams.records import NewRecord
from asyncconfig.wanted import Target
from functions.models import Version
from functions.models.agency import PUT_RECORDS

SERVICE = cloud.Service(
    DIS,
    sdk="huaweicloudsdkdis.v2",
    client="DisClient",
    not_there=gettext_lazy("DIS has no such stream: %(code)s %(message)s"),
    missing=frozenset({"DIS.4301"}),
    denied=frozenset({"DIS.4116"}),
    # Too much traffic, too many requests or failures; a key locked for minutes.
    passing=frozenset({"DIS.4303", "DIS.4305", "DIS.4309", "APIGW.0303"}),
)
CHOOSE = gettext_lazy("Choose a stream.")


class StreamChoiceForm(ParamForm):
    """Which stream: one of the project's, or any name where the service is remote."""

    stream = forms.CharField(
        label=gettext_lazy("Target stream"),
        max_length=64,
        error_messages={"required": CHOOSE},
    )

    def __init__(self, *args: Any, version: Version, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._version = version
        self._streams: dict[str, Stream] = {}
        if not _endpoint(version):
            project = version.function.project
            found = keeping.of(project).order_by("name")
            self._streams = {stream.name: stream for stream in found}
            self.fields["stream"] = forms.ChoiceField(
                label=gettext_lazy("Target stream"),
                choices=[("", CHOOSE), *((name, name) for name in self._streams)],
                error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
            )

    def clean_stream(self) -> str:
        name = str(self.cleaned_data["stream"])
        if not NAME_FORM.match(name):
            raise ValidationError(CHOOSE)
        return name

    def param(self) -> str:
        return json.dumps({"stream_name": self.cleaned_data["stream"]})

    def note(self) -> str:
        """Say how many partitions the chosen stream has, and that it runs."""
        stream = self._streams.get(str(self["stream"].value() or ""))
        if stream is None:
            return ""
        return ngettext(
            "%(n)d partition, running.", "%(n)d partitions, running.", stream.partitions
        ) % {"n": stream.partitions}


class DisDestination(Destination):
    kind = DIS
    label = gettext_lazy("DIS")
    action = PUT_RECORDS

    def form(self, version: Version, **kwargs: Any) -> StreamChoiceForm:
        return StreamChoiceForm(version=version, **kwargs)

    def initial(self, param: str, version: Version) -> dict[str, Any]:
        return {"stream": _name(param)}

    def read(self, param: str, version: Version) -> Target:
        """Read {"stream_name": …}; a local stream must be of the same project."""
        name = _name(param)
        if not _endpoint(version):
            try:
                keeping.find(version.function.project, name)
            except StreamUnknown as error:
                raise ValidationError(str(error), code="gone") from error
        return Target(name, version.reach.key(DIS, name))

    def verify(self, param: str, version: Version) -> str:
        """Ask a remote service whether it has the stream."""
        if not _endpoint(version):
            return ""
        name = _name(param)
        return cloud.look(SERVICE, version.reach, "show_stream", stream_name=name)

    def send(self, parcel: Parcel) -> Receipt:
        """Put the record as one of its stream; its partition key is the request ID.

        DIS keeps no attributes, and the record stays as it is shown: what arrives
        twice has the same request ID, as key and within the record.
        """
        remote = _endpoint(parcel.version)
        reference = _put_remotely(parcel) if remote else _put_here(parcel)
        partition, _slash, number = reference.partition("/")
        params = {"partition": partition, "number": number}
        sentence = _("Put into %(partition)s as number %(number)s.") % params
        return Receipt(sentence, reference)


def _put_here(parcel: Parcel) -> str:
    key = str(parcel.request_id)
    try:
        stream = keeping.find(parcel.version.function.project, _name(parcel.param))
        partition = partitions.of_key(key, count=stream.partitions)
        (put,) = records.put(stream, [NewRecord(parcel.record, partition, key)])
    except RecordsAway as error:
        raise DeliveryError(str(error), permanent=False) from error
    except (StreamUnknown, RecordsRefused) as error:
        raise DeliveryError(str(error), permanent=True) from error
    return put.reference


def _put_remotely(parcel: Parcel) -> str:
    entry = {
        "data": base64.b64encode(parcel.record).decode("ascii"),
        "partition_key": str(parcel.request_id),
    }
    body = {"stream_name": _name(parcel.param), "records": [entry]}
    reach = parcel.version.reach
    answer = cloud.call(SERVICE, reach, "send_records", body=body)
    results = answer.records or []
    if answer.failed_record_count or len(results) != 1 or results[0].error_code:
        raise _refused_record(results)
    put = [results[0].partition_id, results[0].sequence_number]
    if not all(cloud.ID.match(str(text or "")) for text in put):
        raise cloud.stranger(SERVICE, reach)
    return "/".join(map(str, put))


def _refused_record(results: list[Any]) -> DeliveryError:
    """Translate a record that failed although the request was answered with 200."""
    code, message = "", ""
    if results:
        code, message = cloud.said(results[0].error_code, results[0].error_message)
    params = {"code": code or "?", "message": message}
    sentence = _("DIS did not take the record: %(code)s %(message)s") % params
    permanent = code.startswith("DIS.4") and code not in SERVICE.passing
    return DeliveryError(sentence.strip(), permanent=permanent)


def _endpoint(version: Version) -> str:
    return version.reach.endpoint(DIS)


def _name(param: str) -> str:
    name = read_param(param, CHOOSE).get("stream_name")
    if not isinstance(name, str) or not NAME_FORM.match(name):
        raise ValidationError(CHOOSE)
    return name
