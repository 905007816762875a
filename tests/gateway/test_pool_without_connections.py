"""Every connection to PostgreSQL is taken: who comes now gets a sentence, and a page as soon as one is free."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool")
def test_a_pool_without_a_free_connection_is_a_sentence(
    transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool: Any = connection.pool
    monkeypatch.setattr(pool, "timeout", 0.3)
    form = {"username": "ada", "password": "secret"}

    def logs_in() -> Any:
        try:
            return client.post("/admin/login/", form, headers={"Accept-Language": "en"})
        finally:
            connections.close_all()

    def elsewhere() -> HttpResponse:
        # Each thread has a connection of its own, or asks the pool for one.
        with ThreadPoolExecutor(1) as thread:
            answer: HttpResponse = thread.submit(logs_in).result()
            return answer

    assert elsewhere().status_code == 200, "the form again: there is no such person"
    with ExitStack() as taken:
        while pool.get_stats()["pool_size"] < pool.max_size or pool.get_stats()["pool_available"]:
            taken.enter_context(pool.connection())
        answer = elsewhere()
        assert answer.status_code == 503
        assert b"cannot reach its data" in answer.content
    assert elsewhere().status_code == 200
