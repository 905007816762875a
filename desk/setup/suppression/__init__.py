"""The screens of suppression lists: set up, upload files, add and remove entries by hand."""

from desk.setup.suppression.lists import SuppressionListAdmin as SuppressionListAdmin
