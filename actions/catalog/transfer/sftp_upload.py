"""Resumable upload to an SFTP server, which ends with exactly the intended bytes.

The file grows under a temporary name, `name.token.part`, and is renamed when complete; with `direct` it grows under its
final name. Every byte was either written by the session that completed the file, or read back since and compared.
Unproven parts are removed or overwritten, and the upload begins again.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from actions.effect import Run
from outbound.sftp import Content, Host, NotUploaded


@dataclass(slots=True)
class ResumableUpload:
    """One attempt. `content()` returns the file from its beginning. The run stores the state:

    - part: the token;
    - proven: number of bytes that were read back;
    - digest: digest of those bytes;
    - continued: whether a session has appended to the file;
    - left: an older file to remove.
    """

    run: Run
    there: Host
    content: Callable[[], Content]
    direct: bool = False

    def finish(self) -> None:
        """Write the missing bytes, and rename the file to its final name; raise NotUploaded."""
        content = self._resume_content()
        try:
            self.there.put(self._part, content)
        except NotUploaded as error:
            if error.word == "stalled" and self.run.state["continued"]:
                # The server may append pending data of this session to any file of this name, at any time.
                self._begin()
            raise
        # Late bytes of an earlier session would have made it longer.
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

    def _resume_content(self) -> Content:
        """Return the content, read up to the point where the server's file must continue."""
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
        """Start under another name: a session that still writes to the old file writes to a removed one."""
        left = self._part if "part" in self.run.state and not self.direct else ""
        self.run.keep(part=secrets.token_hex(4), proven=0, digest="", continued=False, left=left)

    def _clear(self) -> None:
        if self.run.state["left"]:
            self.there.remove(self.run.state["left"])
            self.run.keep(left="")
