"""Operations that count: a function's figures, a project's, and quotas."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema
from ninja.params.functions import Query
from pydantic import Field

from asyncconfig import clock
from asyncconfig.models import Invocation
from asyncconfig.reports import statistics
from asyncconfig.reports.statistics import Slot
from console.access import Right
from console.api import lookup, paging
from console.api.errors import ApiError
from functions.creating import MAX_FUNCTIONS
from functions.forms.base import whole
from functions.models import CodeBlob, Function, Version

router = Router(tags=["statistics"])
MAX_MINUTES = 90 * 24 * 60
NO_DATA = -1.0
MONTHS = {"0": 1, "1": 2, "2": 3, "3": 6}
PERIOD = gettext_noop("Minutes back from now.")


class Value(Schema):
    timestamp: int = Field(description="Milliseconds since 1970.")
    value: float = Field(description="−1: no data.")


class Figures(Schema):
    """One value per minute, hour or day; durations are milliseconds."""

    count: list[Value]
    duration: list[Value]
    max_duration: list[Value]
    min_duration: list[Value]
    fail_count: list[Value]
    reject_count: list[Value]
    function_error_count: list[Value]
    system_error_count: list[Value]


class FunctionFigures(Figures):
    concurrency_num: list[Value]
    reserved_instance_num: list[Value]


class FunctionMetrics(FunctionFigures):
    instance_num: list[Value]


class MonthValue(Schema):
    date: str
    value: float


class ProjectStatistics(Schema):
    count: list[MonthValue]
    gbs: list[MonthValue]
    gpu_gbs: list[MonthValue]
    statistics: Figures | None = None


class Metric(Schema):
    key: str
    value: int


class MetricList(Schema):
    values: list[Metric]
    next_marker: int = Field(description=paging.NEXT)
    count: int


class Quota(Schema):
    type: str
    quota: int = Field(description="−1: no limit.")
    used: int
    unit: str | None = None


class QuotaList(Schema):
    resources: list[Quota]


class Quotas(Schema):
    quotas: QuotaList


FIGURES = {
    "count": "count",
    "duration": "mean_ms",
    "max_duration": "max_ms",
    "min_duration": "min_ms",
    "fail_count": "failed",
    "reject_count": "rejected",
    "function_error_count": "function_errors",
    "system_error_count": "system_errors",
}


def _minutes(text: str) -> int:
    minutes = whole(text)
    if minutes is None or not 1 <= minutes <= MAX_MINUTES:
        raise ApiError(
            400, "FSS.1001", _("period: enter minutes, from 1 to 129600 (90 days).")
        )
    return minutes


def _series(slots: list[Slot], name: str) -> list[dict[str, Any]]:
    series = []
    for slot in slots:
        value = getattr(slot, name)
        stamp = int(slot.begins.timestamp() * 1000)
        told = NO_DATA if value is None else float(value)
        series.append({"timestamp": stamp, "value": told})
    return series


def _figures(slots: list[Slot]) -> dict[str, Any]:
    return {shown: _series(slots, name) for shown, name in FIGURES.items()}


def _of_function(named: lookup.NamedFunction, period: str) -> dict[str, Any]:
    minutes, now = _minutes(period), clock.now()
    rows = Invocation.objects.filter(function=named.function)
    figures = _figures(statistics.over_time(rows, now=now, minutes=minutes))
    stamp = int(now.timestamp() * 1000)
    running = rows.running().count()
    figures["concurrency_num"] = [{"timestamp": stamp, "value": running}]
    figures["reserved_instance_num"] = [{"timestamp": stamp, "value": 0}]
    return figures


@router.get(
    "/functions/statistics",
    operation_id="ListStatistics",
    summary=gettext_noop("A project's figures"),
    response={200: ProjectStatistics},
    exclude_none=True,
)
def project_statistics(
    request: HttpRequest,
    project_id: Path[str],
    filter: str = Query(description=gettext_noop("monitor_data or monthly_report.")),
    period: str = Query("60", description=PERIOD),
    option: str = Query(
        "0", description=gettext_noop("0 this month, 1 last, 2: 3 months, 3: 6.")
    ),
    limit: str = "100",
    marker: str = "0",
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    paging.read(marker, limit, usual=100, most=500)
    rows = Invocation.objects.in_project(project)
    empty: dict[str, Any] = {"count": [], "gbs": [], "gpu_gbs": []}
    if filter == "monitor_data":
        slots = statistics.over_time(rows, now=clock.now(), minutes=_minutes(period))
        return empty | {"statistics": _figures(slots)}
    if filter != "monthly_report":
        raise ApiError(
            400, "FSS.1001", _("filter: write monitor_data or monthly_report.")
        )
    months = statistics.by_month(rows, since=_first_month(MONTHS.get(option, 1)))
    told = [(f"{timezone.localtime(one.begins):%Y-%m}", one) for one in months]
    return empty | {
        "count": [{"date": date, "value": one.count} for date, one in told],
        "gbs": [{"date": date, "value": one.gb_seconds} for date, one in told],
    }


def _first_month(count: int) -> datetime:
    """Return the first day of the month `count - 1` months ago."""
    today = timezone.localtime(clock.now())
    months = today.year * 12 + today.month - count
    return today.replace(
        year=months // 12,
        month=months % 12 + 1,
        day=1,
        hour=0,
        minute=0,
        second=0,
        microsecond=0,
    )


@router.get(
    "/functions/{function_urn}/statistics/{period}",
    operation_id="ListFunctionStatistics",
    summary=gettext_noop("A function's figures"),
    response={200: FunctionFigures},
)
def function_statistics(
    request: HttpRequest, project_id: Path[str], function_urn: str, period: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    return _of_function(named, period)


@router.get(
    "/functions/{function_urn}/slareports/{period}",
    operation_id="ShowFunctionMetrics",
    summary=gettext_noop("A function's figures, with its instances"),
    response={200: FunctionMetrics},
)
def function_metrics(
    request: HttpRequest, project_id: Path[str], function_urn: str, period: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    figures = _of_function(named, period)
    return figures | {"instance_num": figures["concurrency_num"]}


@router.get(
    "/function/report",
    operation_id="ListFunctionAsMetric",
    summary=gettext_noop("The functions that failed most"),
    response={200: MetricList},
)
def report(
    request: HttpRequest,
    project_id: Path[str],
    type: str = Query("failcount", description="failcount."),
    start_time: str = Query(
        "", description=gettext_noop("Milliseconds since 1970; default a day.")
    ),
    end_time: str = Query(
        "", description=gettext_noop("Milliseconds since 1970; default now.")
    ),
    limit: str = "10",
    marker: str = "0",
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    if type != "failcount":
        raise ApiError(400, "FSS.1001", _("type: only failcount is supported."))
    page = paging.read(marker, limit, usual=10, most=100)
    now = clock.now()
    since = _moment(start_time, now - timedelta(days=1))
    until = _moment(end_time, now)
    failed = Invocation.objects.in_project(project).filter(
        status=Invocation.Status.FAIL,
        finished_at__gte=since,
        finished_at__lte=until,
        function__deleted_at=None,
    )
    counted = failed.order_by().values("function").annotate(n=Count("pk"))
    most = list(counted.order_by("-n", "function"))
    top = page.of(most)
    functions = Function.objects.select_related("project").in_bulk(
        [row["function"] for row in top]
    )
    return {
        "values": [
            {"key": functions[row["function"]].urn(), "value": row["n"]} for row in top
        ],
        "next_marker": page.after(len(top)),
        "count": len(most),
    }


def _moment(text: str, otherwise: datetime) -> datetime:
    if not text:
        return otherwise
    try:
        return datetime.fromtimestamp(int(text) / 1000, timezone.get_default_timezone())
    except (ValueError, OverflowError, OSError) as error:
        raise ApiError(
            400, "FSS.1001", _("Write times as milliseconds since 1970.")
        ) from error


@router.get(
    "/quotas",
    operation_id="ListQuotas",
    summary=gettext_noop("What a project may have, and has"),
    response={200: Quotas},
    exclude_none=True,
)
def quotas(request: HttpRequest, project_id: Path[str]) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    functions = Function.objects.in_project(project)
    versions = Version.objects.alive().filter(function__in=functions)
    stored = CodeBlob.objects.filter(pk__in=versions.values("code"))
    size = stored.aggregate(total=Sum("size"))["total"] or 0
    running = Invocation.objects.in_project(project).running().count()
    return {
        "quotas": {
            "resources": [
                _quota("fgs_func_num", MAX_FUNCTIONS, functions.count()),
                _quota("fgs_func_code_size", -1, size // 1024 // 1024, unit="MB"),
                _quota("fgs_func_occurs", -1, running),
                _quota("fgs_func_scale_down_timeout", -1, 0),
                _quota("fgs_func_pat_idle_time", -1, 0),
                _quota("fgs_workflow_num", 0, 0),
                _quota("fgs_on_demand_instance_limit", -1, running),
                _quota("fgs_func_qos_limit", -1, 0),
            ]
        }
    }


def _quota(name: str, quota: int, used: int, unit: str | None = None) -> dict[str, Any]:
    return {"type": name, "quota": quota, "used": used, "unit": unit}
