"""A connection that died while it waited in the pool is replaced before anybody uses it."""

import pytest
from django.db import connection, connections

from sendouts.models import Webhook


@pytest.mark.django_db(transaction=True)
def test_a_pooled_connection_that_the_server_ended_fails_nobody() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could end a connection")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    killer = connections.create_connection("default")
    with killer.cursor() as cursor:
        connection.close()
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone() == (True,)
    killer.close()
    assert Webhook.objects.count() == 0
