"""The Django project: settings, doors to the outside, and what runs the stages."""

# The one place that names the version: pyproject.toml, the admin's foot and the health pages take it from here.
__version__ = "0.1.0"

from gateway.celery import app as celery_app

__all__ = ["__version__", "celery_app"]
