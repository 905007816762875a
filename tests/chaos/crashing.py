"""Crash points, where a gateway process kills itself once if a run armed the point. See tests.chaos.arming.

The gateway's own code knows nothing of them: its functions are wrapped when the chaos settings load it.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from actions.contract import Phase
from gateway.run.hook_protocol import HookProtocol
from sendouts.intake import door, store
from sendouts.intake.answer import HookAnswer
from sendouts.stages import carry_out, enrichment, finishing, planning
from sendouts.stages.screening import contact_file
from sendouts.symplify import client

NTH_CHUNK = 3


class Dies(Protocol):
    def __call__(self, point: str) -> None: ...


def install(folder: Path) -> None:
    """Wrap the functions at whose borders the points lie. A name that is gone fails here, at the start."""

    def armed(point: str) -> bool:
        return (folder / f"{point}.armed").exists()

    def die(point: str) -> None:
        proof = folder / f"{point}.reached"
        try:
            (folder / f"{point}.armed").rename(proof)
        except FileNotFoundError:
            return
        proof.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)

    _around_the_door(die, armed)
    planning._record = _before(planning._record, lambda: die("planning"))
    contact_file.insert_decisions = _after(contact_file.insert_decisions, _at_the_nth(lambda: die("in_chunk")))
    contact_file._store_chunk = _after(contact_file._store_chunk, _at_the_nth(lambda: die("after_chunk")))
    contact_file._finish = _before(contact_file._finish, lambda: die("last_chunk"))
    client.reject_many = _each(client.reject_many, lambda: die("answer_read"))
    _around_the_effects(die)
    client.finish_many = _before(client.finish_many, lambda: die("finish_intended"))
    finishing._conclude = _before(finishing._conclude, lambda: die("finish_answered"))


def _around_the_door(die: Dies, armed: Callable[[str], bool]) -> None:
    nudge, reply, send = store.nudge, HookProtocol._reply, door._send

    def late_nudge(*args: Any, **more: Any) -> bool:
        die("stored")
        # The nudge of an armed point never leaves: the 202 overtakes it, and the process dies.
        return False if armed("acknowledged") else nudge(*args, **more)

    def die_after(said: HookAnswer) -> None:
        if said.status == 202:
            # By the next turn of the loop the answer has left.
            asyncio.get_running_loop().call_soon(die, "acknowledged")

    def last_reply(protocol: HookProtocol, cycle: Any, said: HookAnswer) -> None:
        reply(protocol, cycle, said)
        die_after(said)

    async def last_send(way: Any, said: HookAnswer) -> None:
        await send(way, said)
        die_after(said)

    store.nudge = late_nudge
    HookProtocol._reply = last_reply  # type: ignore[method-assign]
    door._send = last_send


def _around_the_effects(die: Dies) -> None:
    """Pages are written in threads of their own, and stored by the one that gave them out."""
    nth = {(phase, when): _every_nth() for phase in Phase for when in ("unsent", "answered", "stored")}
    names = {Phase.ENRICH: "effect", Phase.TRANSFER: "transfer"}
    applied, settle, enrich = carry_out._applied, carry_out.EffectWork._settle, enrichment._enrich

    def late_apply(kind: Any, *args: Any) -> Any:
        if nth[kind.phase, "unsent"]():
            die(f"{names[kind.phase]}_unsent")
        return applied(kind, *args)

    def mortal_settle(work: carry_out.EffectWork, *args: Any) -> None:
        phase = Phase(work.run.phase)
        if nth[phase, "answered"]():
            die(f"{names[phase]}_answered")
        settle(work, *args)
        if nth[phase, "stored"]():
            die(f"{names[phase]}_stored")

    def mortal_enrich(*args: Any) -> Any:
        through = enrich(*args)
        if through:
            die("effects_ended")
        return through

    enrichment._enrich = mortal_enrich
    carry_out._applied = late_apply
    carry_out.EffectWork._settle = mortal_settle  # type: ignore[method-assign]


def _before(function: Callable[..., Any], act: Callable[[], None]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*args: Any, **more: Any) -> Any:
        act()
        return function(*args, **more)

    return wrapped


def _after(function: Callable[..., Any], act: Callable[[], None]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*args: Any, **more: Any) -> Any:
        result = function(*args, **more)
        act()
        return result

    return wrapped


def _each(function: Callable[..., Iterator[Any]], act: Callable[[], None]) -> Callable[..., Iterator[Any]]:
    @wraps(function)
    def wrapped(*args: Any, **more: Any) -> Iterator[Any]:
        for each in function(*args, **more):
            act()
            yield each

    return wrapped


def _at_the_nth(act: Callable[[], None]) -> Callable[[], None]:
    """Act at every third call: in a file of many chunks some are stored before, some are still to come."""
    is_nth = _every_nth()

    def counted() -> None:
        if is_nth():
            act()

    return counted


def _every_nth() -> Callable[[], bool]:
    """True at every third call."""
    calls = count(1)
    return lambda: next(calls) % NTH_CHUNK == 0
