"""How far the codes of a pool reach: counts, and sendouts of a usual size."""

from dataclasses import dataclass
from statistics import median

from actions.codes.models import CodePool, Draw, PromoCode

# Draws that say what is usual.
LAST = 8


@dataclass(frozen=True, slots=True)
class Runway:
    """Free codes, what one sendout takes (0: nobody knows), and for how many more sendouts of this size they are enough."""

    free: int
    size: int

    @property
    def sendouts(self) -> int:
        return self.free // self.size if self.size else 0


@dataclass(frozen=True, slots=True)
class Stock:
    """The codes of a pool by what became of them; they add up to all."""

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
    """How far the free codes reach if the next sendouts are as the last ones were."""
    closed = Draw.objects.filter(pool=pool, closed_at__isnull=False, used__gt=0).order_by("-closed_at")
    sizes = list(closed.values_list("used", flat=True)[:LAST])
    return Runway(free_codes(pool), round(median(sizes)) if sizes else 0)


def beside(draw: Draw) -> Runway:
    """How far the free codes reach if the next sendouts are as this one."""
    taken = (
        draw.used
        if draw.closed_at
        else PromoCode.objects.filter(pool=draw.pool, reserved_for=draw.batch_number).count()
    )
    return Runway(free_codes(draw.pool), taken)


def is_low(pool: CodePool, free: int) -> bool:
    return free < pool.low or free == 0
