"""Cores that may be used, with made-up control groups."""

from pathlib import Path

import pytest

from service.cores import cpu_quota, usable_cores, within_quota


def place(directory: Path, files: dict[str, str]) -> tuple[Path, Path]:
    """Write `files`; gives the mount and the membership file."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory / "cgroup", directory / "membership"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"membership": "0::/\n", "cgroup/cpu.max": "max 100000\n"}, None),
        ({"membership": "0::/\n", "cgroup/cpu.max": "200000 100000\n"}, 2),
        # A service of systemd: the slice around it is tighter.
        (
            {
                "membership": "0::/system.slice/seq2serve.service\n",
                "cgroup/system.slice/cpu.max": "150000 100000\n",
                "cgroup/system.slice/seq2serve.service/cpu.max": "400000 100000\n",
            },
            1.5,
        ),
        # The path is the host's; what is mounted is the container's group.
        ({"membership": "0::/../docker/4f2a\n", "cgroup/cpu.max": "50000 100000\n"}, 0.5),
        (
            {
                "membership": "4:memory:/docker/4f2a\n3:cpu,cpuacct:/docker/4f2a\n",
                "cgroup/cpu/cpu.cfs_quota_us": "300000\n",
                "cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                "membership": "3:cpu,cpuacct:/\n0::/\n",
                "cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ({"membership": "0::/\n", "cgroup/cpu.max": "\n"}, None),
    ],
)
def test_quotas(tmp_path: Path, files: dict[str, str], expected: float | None) -> None:
    assert cpu_quota(*place(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("visible", "quota", "expected"),
    [(64, None, 64), (64, 2, 2), (64, 2.5, 2), (64, 0.5, 1), (2, 16, 2)],
)
def test_a_container_does_not_use_the_cores_it_sees(
    visible: int, quota: float | None, expected: int
) -> None:
    assert within_quota(visible, quota) == expected


def test_there_is_a_core_here() -> None:
    assert usable_cores() >= 1
