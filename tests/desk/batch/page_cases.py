"""What a reader sees on the page of a batch: its parts as facts, and as words."""

import re
from html import unescape
from typing import Any

from django.test import Client
from django.utils.html import strip_tags

from sendouts.models import Batch
from tests.factories import page_url


def read(client: Client, made: Batch, query: str = "") -> Any:
    """Return everything that the page was built from."""
    response = client.get(page_url(made, query))
    assert response.status_code == 200
    return response.context["page"]


def said(client: Client, made: Batch, part: str, query: str = "") -> str:
    """Return the words of one part of the page, such as `head`."""
    response = client.get(page_url(made, query).replace("/change/", "/live/"))
    # A no-break space stays.
    return re.sub(r"[ \n]+", " ", unescape(strip_tags(response.json()["regions"][f"batch-{part}"]))).strip()
