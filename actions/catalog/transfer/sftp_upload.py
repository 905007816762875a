"""A file on an SFTP server that is continued where it was cut off, and is byte for byte what it should be.

It grows under a name of its own, `name.token.part`, and is renamed when it is whole; `direct` lets it grow under its own
name. Every byte of it was either written by the session that ended it, or read back since and compared. What cannot be
proven so is taken away or written over, and the file begins again.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from actions.effect import Run
from outbound.sftp import Content, Host, NotUploaded


@dataclass(slots=True)
class Laying:
    """One attempt. `content()` gives the file from its beginning. Where it stands is kept on the run:

    part: the token · proven: bytes that were read back · digest: of those · continued: whether a session has appended to it ·
    left: an older file that is to be removed
    """

    run: Run
    there: Host
    content: Callable[[], Content]
    direct: bool = False

    def lay_down(self) -> None:
        """Write what is not there yet, and give the file its name; raises NotStored."""
        content = self._what_is_left()
        try:
            self.there.put(self._part, content)
        except NotUploaded as error:
            if error.word == "stalled" and self.run.state["continued"]:
                # What the server still holds of this session, it may append to whatever it finds, and whenever it wakes.
                self._begin()
            raise
        # An earlier session's belated bytes would have made it longer.
        if self.run.state["continued"] and not self.there.continues(self._part, content):
            self._begin()
            self._clear()
            self.there.put(self._part, self.content())
        if not self.direct:
            self.there.rename(self._part, self.run.state["name"])

    @property
    def _part(self) -> str:
        name: str = self.run.state["name"]
        return name if self.direct else f"{name}.{self.run.state['part']}.part"

    def _what_is_left(self) -> Content:
        """The content, read up to where the file on the server goes on with it."""
        state = self.run.state
        content = self.content()
        if "part" not in state:
            self._begin()
        elif state["left"]:
            self._clear()
        else:
            ours = content.skip(state["proven"]) and (not state["proven"] or content.digest == state["digest"])
            if ours and self.there.continues(self._part, content):
                self.run.keep(proven=content.position, digest=content.digest, continued=content.position > 0)
                return content
            self._begin()
            self._clear()
            content = self.content()
        return content

    def _begin(self) -> None:
        """Another name to grow under: whoever still writes to the old file writes to one that is gone."""
        left = self._part if "part" in self.run.state and not self.direct else ""
        self.run.keep(part=secrets.token_hex(4), proven=0, digest="", continued=False, left=left)

    def _clear(self) -> None:
        if self.run.state["left"]:
            self.there.remove(self.run.state["left"])
            self.run.keep(left="")
