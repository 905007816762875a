"""The same seed gives the same run."""

from itertools import islice

from tests.chaos.schedule import LARGEST_BURST, ROLES, Schedule


def test_the_same_seed_draws_the_same_kills_orders_and_faults() -> None:
    one, same, other = Schedule(7), Schedule(7), Schedule(8)
    assert one.kills(200) == same.kills(200) != other.kills(200)
    assert list(islice(one.orders(), 50)) == list(islice(same.orders(), 50)) != list(islice(other.orders(), 50))
    assert one.faults() == same.faults() != other.faults()


def test_a_long_run_hits_every_part_and_orders_every_kind() -> None:
    schedule = Schedule(7)
    orders = list(islice(schedule.orders(), 200))
    assert {kill.role for kill in schedule.kills(200)} == set(ROLES)
    assert {order.spec["project"] for order in orders} == {"Newsletter", "Effects", "Held", "Silent", "Closing"}
    assert {order.answer for order in orders} == {"accept", "reject", ""}
    assert all(order.spec.get("hooks", 1) <= LARGEST_BURST for order in orders)
