"""Every fault of `make mutants`. Whoever adds a rule adds the fault that breaks it, and names the test that notices."""

from tests.mutants import answers, doors, edges, inputs, people, plain, spool, stages, work

_ROOMS = (work, stages, plain, people, edges, doors, answers, spool, inputs)
FAULTS = tuple(fault for room in _ROOMS for fault in room.FAULTS)
