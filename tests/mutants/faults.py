"""Every fault of `make mutants`. Whoever adds a rule adds the fault that breaks it, and names the test that notices."""

from tests.mutants import answers, doors, edges, people, spool, stages, work

FAULTS = (*work.FAULTS, *stages.FAULTS, *people.FAULTS, *edges.FAULTS, *doors.FAULTS, *answers.FAULTS, *spool.FAULTS)
