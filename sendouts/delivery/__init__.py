"""From a decided batch to one whose rejections the platform has confirmed."""

from sendouts.delivery.sending import deliver, move_on

__all__ = ["deliver", "move_on"]
