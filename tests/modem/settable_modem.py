"""A scripted modem that keeps its settings (PDU mode, announcements, storage) and stored texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.modem.healthy_modem import DELIVER, OK, Answers, healthy
from tests.modem.scripted_modem import Script, ScriptedModem

ERROR = b"\r\nERROR\r\n"


def deliver(second: int) -> str:
    """Return the PDU of a text with this second (0 to 59) in its time stamp."""
    return DELIVER.replace("62801101010100", f"6280110101{second % 10}{second // 10}00")


@dataclass(slots=True)
class Text:
    """One stored text, as a PDU and as it is shown in text mode."""

    pdu: str
    shown: tuple[str, str] = ('"+22234567890",,"26/08/10,10:10:10+00"', "Bonjour")


@dataclass(slots=True)
class Settable:
    """The state of one modem; `answers` are for `ScriptedModem`. A test may change it as another program would."""

    mode: int = 0
    announced: str = "0,0,0,0,0"
    memory: str = "ME"  # for new texts
    read_from: str = "ME"
    texts: dict[int, Text] = field(default_factory=dict)  # on the SIM
    capacity: int = 10
    refusal: bytes | None = None  # the answer to every command in `refused`; None: the modem is ready
    refused: tuple[str, ...] = ("AT+CMGF", "AT+CNMI", "AT+CPMS", "AT+CSMS")
    text_refusal: bytes | None = None  # the answer to PDU mode's +CMGL and +CMGR in text mode; None: texts
    sent_as_texts: list[str] = field(default_factory=list)

    def answers(self, more: Mapping[str, Script | list[Script]] | None = None) -> Answers:
        """Return the scripts of this modem; `more` replaces some."""
        said: dict[str, Script] = {
            "AT+CMGF": self._set_mode,
            "AT+CMGF=0": self._set_mode,
            "AT+CMGF?": self._told(lambda: f"+CMGF: {self.mode}"),
            "AT+CMGF=?": self._told(lambda: "+CMGF: (0,1)"),
            "AT+CNMI": self._set_announced,
            "AT+CNMI?": self._told(lambda: f"+CNMI: {self.announced}"),
            "AT+CNMI=?": self._told(lambda: "+CNMI: (0-3),(0-3),(0,2),(0-2),(0,1)"),
            "AT+CPMS": self._set_memory,
            "AT+CPMS?": self._told(self._storage),
            "AT+CPMS=?": self._told(lambda: '+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")'),
            "AT+CSMS": self._told(lambda: "+CSMS: 1,1,1"),
            "AT+CMGL": self._list,
            "AT+CMGR": self._read,
            "AT+CMGD": self._delete,
            "PDU": self._take,
        }
        return healthy({**said, **(more or {})})

    def restart(self) -> None:
        """Reset the settings as a restart does, without a URC."""
        self.mode, self.announced, self.memory, self.read_from = 0, "0,0,0,0,0", "ME", "ME"

    def _told(self, line: object) -> Script:
        def answer(modem: ScriptedModem) -> None:
            if not self._refuses(modem):
                modem.say(f"\r\n{line()}\r\n".encode() + OK)  # type: ignore[operator]

        return answer

    def _refuses(self, modem: ScriptedModem) -> bool:
        if self.refusal is None or not modem.commands[-1].startswith(self.refused):
            return False
        modem.say(self.refusal)
        return True

    def _set_mode(self, modem: ScriptedModem) -> None:
        if not self._refuses(modem):
            self.mode = int(modem.commands[-1][-1])
            modem.say(OK)

    def _set_announced(self, modem: ScriptedModem) -> None:
        if not self._refuses(modem):
            self.announced = modem.commands[-1].partition("=")[2]
            modem.say(OK)

    def _set_memory(self, modem: ScriptedModem) -> None:
        if not self._refuses(modem):
            names = modem.commands[-1].partition("=")[2].replace('"', "").split(",")
            self.read_from = names[0]
            self.memory = names[2] if len(names) > 2 else self.memory
            modem.say(OK)

    def _storage(self) -> str:
        return "+CPMS: " + ",".join(
            f'"{name}",{self._used(name)}' for name in (self.read_from, "SM", self.memory)
        )

    def _used(self, memory: str) -> str:
        return f"{len(self.texts) if memory == 'SM' else 0},{self.capacity}"

    @property
    def _readable(self) -> dict[int, Text]:
        return self.texts if self.read_from == "SM" else {}

    def _list(self, modem: ScriptedModem) -> None:
        if self.mode and self.text_refusal is not None:
            modem.say(self.text_refusal)
            return
        lines = ""
        for index, text in self._readable.items():
            head, body = text.shown
            lines += (
                f'\r\n+CMGL: {index},"REC UNREAD",{head}\r\n{body}\r\n'
                if self.mode
                else f"\r\n+CMGL: {index},1,,30\r\n{text.pdu}\r\n"
            )
        modem.say(lines.encode("latin-1") + OK)

    def _read(self, modem: ScriptedModem) -> None:
        text = self._readable.get(int(modem.commands[-1].partition("=")[2]))
        if self.mode and self.text_refusal is not None:
            modem.say(self.text_refusal)
        elif text is None:
            modem.say(b"\r\n+CMS ERROR: 321\r\n")
        elif self.mode:
            head, body = text.shown
            modem.say(f'\r\n+CMGR: "REC UNREAD",{head}\r\n{body}\r\n'.encode("latin-1") + OK)
        else:
            modem.say(f"\r\n+CMGR: 1,,30\r\n{text.pdu}\r\n".encode() + OK)

    def _delete(self, modem: ScriptedModem) -> None:
        self._readable.pop(int(modem.commands[-1].partition("=")[2]), None)
        modem.say(OK)

    def _take(self, modem: ScriptedModem) -> None:
        if self.mode:
            self.sent_as_texts.append(modem.pdus[-1])
        modem.take()
