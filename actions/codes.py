"""What kinds may do with pools of promo codes; how it is done is the business of whoever runs them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from actions.contact import Contact


class Codes(ABC):
    """The pools, by name. A contact has one code of a pool in a batch, at every attempt the same."""

    @abstractmethod
    def reserve(self, pool: str, contacts: Sequence[Contact]) -> Sequence[str]:
        """The code of each contact, in order; an empty one where none is left. Raises Retryable or Permanent."""

    @abstractmethod
    def use(self, pool: str, codes: Mapping[str, str]) -> None:
        """Have the codes of these contacts, by their ids, count as used from now on; raises Permanent."""


class NoPools(Codes):
    """Where nobody brought any pools."""

    def reserve(self, pool: str, contacts: Sequence[Contact]) -> Sequence[str]:
        raise LookupError(pool)

    def use(self, pool: str, codes: Mapping[str, str]) -> None:
        raise LookupError(pool)


NO_POOLS = NoPools()
