"""The screens of suppression lists: set them up, send files, add and remove by hand."""

from desk.setup.suppression.lists import SuppressionListAdmin as SuppressionListAdmin
