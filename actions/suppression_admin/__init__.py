"""The screens of suppression lists: set them up, send files, add and remove by hand."""

from actions.suppression_admin.lists import SuppressionListAdmin as SuppressionListAdmin
