"""From a decided batch to one whose rejections the platform has confirmed."""

from sendouts.stages.delivery.send import deliver, move_on

__all__ = ["deliver", "move_on"]
