"""Delivery: send a decided batch's rejections until the platform has confirmed them all."""

from sendouts.stages.delivery.send import deliver, move_on

__all__ = ["deliver", "move_on"]
