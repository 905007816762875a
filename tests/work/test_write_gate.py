"""The lock before SQLite's only writer."""

import threading

from work.sqlite.gate import WriteGate, urgent


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
    while not any(each.urgent for each in gate._waiting):
        until_it_waits.wait(0.001)
    gate.release()
    for thread in (*threads, last):
        thread.join(10)
    assert order[0] == "hook" and len(order) == 4


def test_a_thread_that_comes_back_at_once_again_and_again_keeps_nobody_out() -> None:
    gate = WriteGate()
    stop, running = threading.Event(), threading.Event()

    def greedy() -> None:
        while not stop.is_set():
            gate.acquire()
            running.set()
            stop.wait(0.001)
            gate.release()

    greedy_ones = [threading.Thread(target=greedy) for _ in range(2)]
    for thread in greedy_ones:
        thread.start()
    assert running.wait(10)
    got = threading.Event()

    def patient() -> None:
        for _ in range(5):
            gate.acquire()
            gate.release()
        got.set()

    waits = threading.Thread(target=patient)
    waits.start()
    try:
        assert got.wait(10)
    finally:
        stop.set()
        for thread in (*greedy_ones, waits):
            thread.join(10)
