"""The result that a send would have now: its parts, its cost, its SIM and its refusal, without keeping anything."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.errors import GatewayError, StorageUnavailableError, storage_errors
from gatewayd.records import Caller, Draft, Options
from gatewayd.sending.intake import Intake, SendRequest
from gatewayd.sending.routing import Candidate
from gatewayd.store.interfaces import AnyStore
from modem.sms.gsm7 import Alphabet
from modem.sms.gsm7_replacements import ForcingCharacter, forcing_characters, replaced
from modem.sms.segmentation import Size, size


@dataclass(frozen=True, slots=True)
class TextPreview:
    """A text as it would be sent. `suggested_text` takes fewer parts; None where nothing would be gained."""

    characters: int  # Unicode code points
    size: Size
    forcing: tuple[ForcingCharacter, ...]
    suggested_text: str | None
    suggested_parts: int | None

    @property
    def document(self) -> dict[str, object]:
        """The text's part of the answer to a preview."""
        return {
            "encoding": self.size.alphabet.value,
            "parts": self.size.parts,
            "characters": self.characters,
            "units": self.size.units,
            "units_per_part": self.size.units_per_part,
            "units_left": self.size.units_left,
            "forcing": [
                {
                    "character": one.character,
                    "name": one.name,
                    "positions": list(one.positions),
                    "suggestion": one.replacement,
                }
                for one in self.forcing
            ],
            "suggested_message": self.suggested_text,
            "suggested_parts": self.suggested_parts,
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview of a send. `sim` and `cost` are None where no SIM would take it; `refusal` is what a send would raise."""

    text: TextPreview
    sim: Candidate | None
    cost: float | None
    refusal: GatewayError | None


def preview(store: AnyStore, intake: Intake, caller: Caller, draft: Draft, options: Options) -> Preview:
    """Preview a send. A draft without a recipient ("") is previewed as one to an unknown operator.

    The store is asked as for a send, so a store that takes nothing is a refusal too.
    """
    text = preview_text(draft.text)
    request = SendRequest(caller, [intake.prepare(draft)], options, None, single=True)
    try:
        with storage_errors():
            judged = store.write(lambda db: intake.judge(db, request))
    except StorageUnavailableError as error:
        return Preview(text, None, None, error)
    if isinstance(judged, GatewayError):
        return Preview(text, None, None, judged)
    if caller.sandbox:
        return Preview(text, None, 0.0, None)
    return Preview(text, judged, round(judged.cost * text.size.parts, 9), None)


def preview_text(text: str) -> TextPreview:
    """The preview of a text alone."""
    now = size(text)
    forcing = forcing_characters(text) if now.alphabet is Alphabet.UCS2 else ()
    better = replaced(text) if forcing else text
    parts = size(better).parts if better else now.parts
    if parts >= now.parts:
        return TextPreview(len(text), now, forcing, None, None)
    return TextPreview(len(text), now, forcing, better, parts)
