"""The lock before SQLite's only writer."""

import threading

from gateway.sqlite.gate import WriteGate, urgent


def test_one_holder_at_a_time() -> None:
    gate = WriteGate()
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(200):
            gate.acquire()
            inside += 1
            most = max(most, inside)
            inside -= 1
            gate.release()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 1


def test_who_waits_urgently_goes_first() -> None:
    gate = WriteGate()
    order: list[str] = []
    waiting = threading.Semaphore(0)
    gate.acquire()

    def patient(name: str) -> None:
        waiting.release()
        gate.acquire()
        order.append(name)
        gate.release()

    def hurried() -> None:
        with urgent():
            patient("hook")

    threads = [threading.Thread(target=patient, args=(f"chunk {number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    last = threading.Thread(target=hurried)
    last.start()
    for _ in range(4):
        assert waiting.acquire(timeout=10)
    until_it_waits = threading.Event()
    while not gate._urgent_waiting:
        until_it_waits.wait(0.001)
    gate.release()
    for thread in (*threads, last):
        thread.join(10)
    assert order[0] == "hook" and len(order) == 4
