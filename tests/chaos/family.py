"""Roles of the gateway's processes, and the kill of one of them."""

import psutil

from tests.acceptance.deployment import Deployment, command_of

# What is on the command line of each part, or its name.
SIGNS = {
    "web": "manage.py serve",
    "worker": "celery-small",
    "worker-files": "celery-files",
    "worker-downloads": "celery-download",
    "worker-services": "celery-services",
    "sweep": "gate-sweep",
    "keeper": "run/keeper.py",
    "beat": "celery-beat",
    # The last, since others are forked from it.
    "supervisor": "manage.py run",
}
# A kill of these loses no answer of the platform: they never call it.
CALL_NOBODY = frozenset({"web", "keeper", "beat"})


def parts(gateway: Deployment) -> dict[str, list[psutil.Process]]:
    """The living processes by what they are; workers and the children that do their work apart."""
    found: dict[str, list[psutil.Process]] = {}
    living = gateway.family()
    pids = {each.pid: _part(each) for each in living}
    for each in living:
        part = pids[each.pid]
        child = part.startswith("worker") and pids.get(_parent(each), "") in {part, ""}
        found.setdefault(f"{part} child" if child else part, []).append(each)
    return found


def kill_one(gateway: Deployment, role: str, lot: float) -> tuple[str, int]:
    """Kill a process of this part with -9; where none lives just now, one of another. Returns whom it hit, and its id.

    In the embedded mode there is one process for all.
    """
    living = parts(gateway)
    if not living.get(role):
        # It died just before and is not there again: another one then, the whole of it only where nothing else lives.
        role = next((name for name in sorted(living) if name in SIGNS and name != "supervisor"), "supervisor")
    hit = living[role][int(lot * len(living[role]))]
    hit.kill()
    return role, hit.pid


def _part(process: psutil.Process) -> str:
    command = " ".join(command_of(process))
    return next((name for name, sign in SIGNS.items() if sign in command), "other")


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0
