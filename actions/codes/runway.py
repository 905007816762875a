"""Remaining codes of a pool: counts, and how many sendouts of usual size they cover."""

from dataclasses import dataclass
from statistics import median

from actions.codes.models import CodePool, Draw, PromoCode

# Draws that define the usual size.
LAST = 8


@dataclass(frozen=True, slots=True)
class Runway:
    """Free codes, codes per sendout (0: unknown), and the number of further sendouts of this size that they cover."""

    free: int
    size: int

    @property
    def sendouts(self) -> int:
        return self.free // self.size if self.size else 0


@dataclass(frozen=True, slots=True)
class Stock:
    """The codes of a pool by state; the states add up to all codes."""

    free: int
    reserved: int
    used: int


def free_codes(pool: CodePool) -> int:
    return PromoCode.objects.filter(pool=pool, reserved_for__isnull=True).count()


def stock(pool: CodePool) -> Stock:
    """Count the codes of a pool."""
    taken = PromoCode.objects.filter(pool=pool, reserved_for__isnull=False)
    reserved = taken.filter(used_at__isnull=True).count()
    return Stock(free_codes(pool), reserved, taken.count() - reserved)


def usual(pool: CodePool) -> Runway:
    """Return how far the free codes reach if the next sendouts have the size of the recent ones."""
    closed = Draw.objects.filter(pool=pool, closed_at__isnull=False, used__gt=0).order_by("-closed_at")
    sizes = list(closed.values_list("used", flat=True)[:LAST])
    return Runway(free_codes(pool), round(median(sizes)) if sizes else 0)


def beside(draw: Draw) -> Runway:
    """Return how far the free codes reach if the next sendouts have the size of this one."""
    taken = (
        draw.used
        if draw.closed_at
        else PromoCode.objects.filter(pool=draw.pool, reserved_for=draw.batch_number).count()
    )
    return Runway(free_codes(draw.pool), taken)


def is_low(pool: CodePool, free: int) -> bool:
    return free < pool.low or free == 0
