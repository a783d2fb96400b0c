"""How many processor cores this process may really use.

A machine's cores are not a container's: `--cpus=2` on a machine of 64 leaves 64 of them visible
and stops whoever uses more than two for the rest of every tenth of a second.
"""

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores by affinity and by the quotas of all control groups around; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        visible = len(os.sched_getaffinity(0))
    else:
        visible = os.cpu_count() or 1
    return within_quota(visible, cpu_quota(_CGROUPS, _MEMBERSHIP))


def within_quota(visible: int, quota: float | None) -> int:
    """Cores to use of those that are visible.

    Half a core more would be used at the price of being stopped in between: 2.5 -> 2.

    Args:
        visible: Cores that the process may run on.
        quota: Cores' worth of time that it may use; None when that is not limited.
    """
    return visible if quota is None else max(1, min(visible, int(quota)))


def cpu_quota(cgroups: Path, membership: Path) -> float | None:
    """Cores' worth of time that this process may use; None when nothing limits it.

    Args:
        cgroups: Where control groups are mounted: version 2, or version 1 with a directory for
            each controller.
        membership: Lists the process's groups, one `number:controllers:path` a line.
    """
    quotas = []
    for controllers, path in _groups(membership):
        if controllers == "":
            mount, read = cgroups, _quota_v2
        elif "cpu" in controllers.split(","):
            mount, read = cgroups / "cpu", _quota_v1
        else:
            continue
        # In a container the path can be the host's, of which only the end is mounted: then the
        # mount itself is the container's group. Parents bind their children.
        group = mount / path.lstrip("/")
        quotas += [read(place) for place in (group, *group.parents) if place.is_relative_to(mount)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _groups(membership: Path) -> list[tuple[str, str]]:
    """Controllers and path of each group the process is in."""
    groups = []
    for line in _text(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        groups.append((controllers, path))
    return groups


def _quota_v2(group: Path) -> float | None:
    """`cpu.max` holds quota and period in microseconds, or `max` and the period."""
    return _share(*_text(group / "cpu.max").split()[:2])


def _quota_v1(group: Path) -> float | None:
    """The quota is -1 without a limit."""
    return _share(
        _text(group / "cpu.cfs_quota_us").strip(), _text(group / "cpu.cfs_period_us").strip()
    )


def _share(quota: str = "", period: str = "") -> float | None:
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        return int(quota) / int(period)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
