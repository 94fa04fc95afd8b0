"""A function as the API writes it."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Path, Schema
from pydantic import Field

from console.api.errors import ApiError
from functions import json_limits
from functions.models import Version
from functions.models.version import MEMORY_SIZES
from functions.runtime import available_runtimes

TIMEOUT: dict[str, Any] = {"minimum": 3, "maximum": 259_200}
MEMORY: dict[str, Any] = {"enum": MEMORY_SIZES}
DOMAIN = "default"
MAX_ECHOED_BYTES = 32 * 1024
SAMPLE = base64.b64encode(b"def handler(event, context):\n    return event\n").decode()


class StrategyConfig(Schema):
    """How many run at once: in all (−1 without limit, 0 disabled), per instance."""

    concurrency: int
    concurrent_num: int | None = None


class StrategyChange(Schema):
    """What is left out stays as it is."""

    concurrency: int | None = None
    concurrent_num: int | None = None


class FunctionCode(Schema):
    """Code in base64: the text of a file, or an archive."""

    file: str | None = Field(None, examples=[SAMPLE])
    link: str | None = Field(None, description="Not kept.")


class FuncVpc(Schema):
    """The subnet a function is in; an empty object takes it out.

    Only the two IDs are read. `security_groups`, `domain_id`, `namespace` and
    `is_safety` are kept and given back as they came.
    """

    vpc_id: str = ""
    subnet_id: str = ""
    vpc_name: str | None = None
    subnet_name: str | None = None
    cidr: str | None = None
    gateway: str | None = None
    domain_id: str | None = None
    namespace: str | None = None
    security_groups: list[str] | None = None
    is_safety: bool | None = None

    def echoed(self) -> dict[str, Any]:
        return self.model_dump(include=ECHOED_OF_VPC, exclude_none=True)


ECHOED_OF_VPC = {"domain_id", "namespace", "security_groups", "is_safety"}


class NetworkController(Schema):
    """Whether code has a network. What VPCs triggers come from is kept as it is."""

    disable_public_network: bool = False
    trigger_access_vpcs: list[dict[str, Any]] | None = None

    def echoed(self) -> dict[str, Any]:
        return self.model_dump(include={"trigger_access_vpcs"}, exclude_none=True)


class EchoedOfCode(Schema):
    """What is kept of code and given back as it came; nothing here acts on it."""

    code_url: str | None = None
    depend_version_list: list[str] | None = None
    code_encrypt_kms_key_id: str | None = None

    def echoed(self) -> dict[str, Any]:
        """Return what was sent of this."""
        return self.model_dump(
            include=set(EchoedOfCode.model_fields), exclude_none=True
        )


class Echoed(EchoedOfCode):
    """What is kept and given back as it came; nothing here acts on it."""

    app_xrole: str | None = None
    func_vpc: FuncVpc | None = None
    mount_config: dict[str, Any] | None = None
    pre_stop_handler: str | None = None
    pre_stop_timeout: int | None = None
    type: str | None = None
    log_config: dict[str, Any] | None = None
    enable_lts_log: bool | None = None
    enable_auth_in_header: bool | None = None
    enable_dynamic_memory: bool | None = None
    is_stateful_function: bool | None = None
    custom_image: dict[str, Any] | None = None
    gpu_memory: int | None = None
    gpu_type: str | None = None
    domain_names: str | None = None
    enterprise_project_id: Path[str] | None = None
    network_controller: NetworkController | None = None
    lts_custom_tag: dict[str, Any] | None = None
    user_data_encrypt_kms_key_id: str | None = None
    extend_config: str | None = None
    ephemeral_storage: int | None = None
    peering_cidr: str | None = None
    heartbeat_handler: str | None = None
    enable_class_isolation: bool | None = None
    restore_hook_handler: str | None = None
    restore_hook_timeout: int | None = None

    def echoed(self) -> dict[str, Any]:
        """Return what was sent of this."""
        sent = self.model_dump(include=set(Echoed.model_fields), exclude_none=True)
        if self.func_vpc is not None:
            sent["func_vpc"] = self.func_vpc.echoed()
        if self.network_controller is not None:
            sent["network_controller"] = self.network_controller.echoed()
        return sent


def check_echoed(echoed: dict[str, Any]) -> None:
    """Raise ApiError for what would make every list of functions a burden."""
    is_fine = json_limits.is_shallow(echoed) and (
        len(json.dumps(echoed, ensure_ascii=False).encode()) <= MAX_ECHOED_BYTES
    )
    if not is_fine:
        sentence = _(
            "The settings that are only given back (%(names)s) can be 32 KB of JSON "
            "in all, at most 16 levels deep. Send less of them."
        )
        names = ", ".join(sorted(echoed))
        raise ApiError(400, "FSS.0400", sentence % {"names": names})


class NewFunction(Echoed):
    func_name: str = Field(examples=["test1"])
    package: str = "default"
    runtime: str = Field(examples=available_runtimes())
    timeout: int = Field(3, json_schema_extra=TIMEOUT)
    handler: str = Field("index.handler", examples=["index.handler"])
    memory_size: int = Field(128, json_schema_extra=MEMORY)
    code_type: str = Field("inline", json_schema_extra={"enum": ["inline", "zip"]})
    code_filename: str | None = None
    func_code: FunctionCode | None = None
    user_data: str | None = Field(None, description="A JSON object, as a string.")
    encrypted_user_data: str | None = None
    xrole: str | None = Field(None, description="The agency, by name.")
    description: str | None = None
    initializer_handler: str | None = None
    initializer_timeout: int | None = None


class FunctionChange(Echoed):
    """What is left out stays as it is."""

    func_name: str | None = None
    runtime: str | None = None
    timeout: int | None = Field(None, json_schema_extra=TIMEOUT, examples=[30])
    handler: str | None = None
    memory_size: int | None = Field(None, json_schema_extra=MEMORY, examples=[128])
    user_data: str | None = None
    encrypted_user_data: str | None = None
    xrole: str | None = None
    description: str | None = None
    initializer_handler: str | None = None
    initializer_timeout: int | None = None
    strategy_config: StrategyChange | None = None


class FunctionConfig(Echoed):
    """A function with the settings of one version; sizes in MB, times in seconds."""

    func_id: str
    resource_id: str
    func_urn: str
    func_name: str
    domain_id: str
    namespace: str
    project_name: str
    package: str
    runtime: str
    timeout: int
    handler: str
    memory_size: int
    cpu: int = Field(description="Thousandths of a core.")
    code_type: str
    code_filename: str
    code_size: int = Field(description="Bytes.")
    user_data: str
    encrypted_user_data: str
    digest: str
    version: str
    image_name: str
    xrole: str
    description: str
    version_description: str
    last_modified: str
    depend_list: list[str]
    strategy_config: StrategyConfig
    initializer_handler: str
    initializer_timeout: int
    long_time: bool
    is_bridge_function: bool
    reserved_instance_count: int


def config_of(version: Version) -> dict[str, Any]:
    """Return a version as FunctionConfig has it; its code's content is not read."""
    function = version.function
    hidden = dict.fromkeys(version.encrypted_user_data, "")
    return {
        **version.echoed,
        "func_vpc": vpc_of(version),
        "network_controller": {
            **version.echoed.get("network_controller", {}),
            "disable_public_network": not version.network,
        },
        "func_id": str(function.func_id),
        "resource_id": f"{function.func_id}:{function.name}",
        "func_urn": version.urn,
        "func_name": function.name,
        "domain_id": DOMAIN,
        "namespace": function.project.project_id,
        "project_name": settings.REGION,
        "package": function.package,
        "runtime": version.runtime,
        "timeout": version.timeout,
        "handler": version.handler,
        "memory_size": version.memory_size,
        "cpu": version.memory_size * 100 // 128 + 200,
        "code_type": version.code_type,
        "code_filename": version.code_filename,
        "code_size": version.code.size,
        "user_data": json.dumps(version.user_data) if version.user_data else "",
        "encrypted_user_data": json.dumps(hidden) if hidden else "",
        "digest": version.code_id,
        "version": version.name,
        "image_name": _image_name(version),
        "xrole": version.agency.name if version.agency else "",
        "description": version.description,
        "version_description": version.version_description,
        "last_modified": plain_time(version.modified_at),
        "depend_list": [],
        "strategy_config": strategy_of(version),
        "initializer_handler": version.initializer_handler,
        "initializer_timeout": version.initializer_timeout,
        "long_time": version.timeout > 900,
        "is_bridge_function": False,
        "reserved_instance_count": 0,
    }


def vpc_of(version: Version) -> dict[str, Any] | None:
    """Return the subnet a version is in as FuncVpc has it; None without VPC access."""
    if version.vpc is None or version.subnet is None:
        return None
    network = ip_network(version.subnet.cidr)
    return {
        **version.echoed.get("func_vpc", {}),
        "vpc_id": str(version.vpc.vpc_id),
        "vpc_name": version.vpc.name,
        "subnet_id": str(version.subnet.subnet_id),
        "subnet_name": version.subnet.name,
        "cidr": version.subnet.cidr,
        "gateway": str(network[1] if network.num_addresses > 1 else network[0]),
    }


def strategy_of(version: Version) -> dict[str, int]:
    return {
        "concurrency": version.function.max_instances,
        "concurrent_num": version.echoed.get("concurrent_num", 1),
    }


def plain_time(moment: datetime) -> str:
    """Write a time in UTC without saying so: SDKs put the zone behind it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def full_time(moment: datetime) -> str:
    """Write a time as RFC 3339 with the offset of TIME_ZONE."""
    return timezone.localtime(moment).isoformat(timespec="seconds")


def _image_name(version: Version) -> str:
    """Name what a version runs as: it changes with every change of the version."""
    told = f"{version.function.func_id}{version.name}{version.revision}"
    short = hashlib.sha256(told.encode()).hexdigest()[:5]
    return f"{version.name}-{version.modified_at:%y%m%d%H%M%S}@{short}"
