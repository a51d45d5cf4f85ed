"""`gatewayd ussd …`: send USSD codes through a port, and learn how balances are read."""

from __future__ import annotations

from config.language.text import Sentences, Text, text_of
from gatewayd.admin.context import Context, Id
from gatewayd.errors import AdminError, GatewayError, InvalidRequestError, WrongUseError, told
from gatewayd.sims.balance_learning import LearningError
from gatewayd.sims.balance_text import Reading
from gatewayd.store.tables import balances
from gatewayd.store.tables.balances import Learned
from gatewayd.timekeeping.clock import iso
from modem.driver.ussd import UssdAnswer


def ussd(context: Context, port: int, codes: list[str], slot: int | None = None) -> dict[str, object]:
    """Send the first code, and the others as replies in the same session; return the answers of the network."""
    answer = _ask(context, port, codes, slot)
    return {
        "port": answer.port,
        "slot": answer.slot,
        "answer": answer.text,
        "session": answer.session.value,
        "answers": [reply.text for reply in answer.replies],
        "replies_unsaid": answer.unsaid,
    }


def learn(
    context: Context, port: int, codes: list[str], slot: int | None = None, pattern: str | None = None
) -> dict[str, object]:
    """Send a code and the replies to its menus, and propose a pattern for the answer, or try the given one."""
    answer = _ask(context, port, codes, slot)
    if answer.unsaid:
        raise AdminError(Text("the network ended the session before all replies were sent"))
    try:
        lesson = context.running().balance_learning.learn(answer.iccid, " ".join(codes), answer.text, pattern)
    except LearningError as error:
        raise AdminError(text_of(error)) from error
    newest = lesson.trials[0].reading
    return {
        "port": answer.port,
        "slot": answer.slot,
        "sim": lesson.sim_id,
        "operator": lesson.operator,
        "code": codes,
        "answer": answer.text,
        "session": answer.session.value,
        "pattern": lesson.pattern,
        **_reading(context, newest),
        "earlier": [
            {"answer": trial.answer, "read_at": iso(trial.read_at), **_reading(context, trial.reading)}
            for trial in lesson.trials[1:]
        ],
        "kept": False,
    }


def keep(
    context: Context, sim: Id, codes: list[str], pattern: str, for_sim: bool = False
) -> dict[str, object]:
    """Keep a code and the pattern for its answers, for the operator of a SIM or for the SIM alone."""
    try:
        learned = context.running().balance_learning.keep(sim, " ".join(codes), pattern, for_sim=for_sim)
    except LearningError as error:
        raise AdminError(text_of(error)) from error
    return _learned(learned)


def list_(context: Context) -> list[dict[str, object]]:
    """List what was learned."""
    with context.store.readers.lend() as db:
        return [_learned(each) for each in balances.learned(db)]


def forget(context: Context, learned: Id) -> list[dict[str, object]]:
    """Forget what was learned under an id; the rest."""
    if not context.store.write(lambda db: balances.unlearn(db, learned)):
        raise AdminError(
            Text("nothing was learned under {learned}: `gatewayd ussd learned` lists it", learned=learned)
        )
    return list_(context)


def _ask(context: Context, port: int, codes: list[str], slot: int | None) -> UssdAnswer:
    gateway = context.running()
    if not codes:
        raise AdminError(Text("there is no code to send"))
    try:
        return gateway.ussd(port, codes[0], codes[1:], slot)
    except InvalidRequestError as error:
        raise WrongUseError(Sentences(map(told, error.faults), "; ")) from error
    except GatewayError as error:
        raise AdminError(text_of(error)) from error


def _learned(learned: Learned) -> dict[str, object]:
    return {
        "id": learned.id,
        "operator": learned.operator,
        "sim": learned.sim_id,
        "code": learned.code,
        "pattern": learned.pattern,
        "learned_at": iso(learned.learned_at),
    }


def _reading(context: Context, reading: Reading | None) -> dict[str, object]:
    end = None if reading is None or reading.end is None else context.calendar.moment(reading.end)
    return {
        "readable": reading is not None,
        "balance": None if reading is None else reading.amount,
        "bundle_units": None if reading is None else reading.units,
        "bundle_end": None if end is None else iso(end),
    }
