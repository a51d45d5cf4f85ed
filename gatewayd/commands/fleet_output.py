"""The output of `gatewayd fleet` for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.language.text import Sentences, Text
from gatewayd.commands import tables
from gatewayd.commands.output import say
from gatewayd.commands.tables import Column, Row, of
from gatewayd.commands.words import word
from gatewayd.commands.wrapping import wrapped

if TYPE_CHECKING:
    from gatewayd.fleet.setup.initialising import Initialised
    from gatewayd.fleet.setup.joining import Joined, Plan


def show_initialised(done: Initialised, password_file: Path) -> None:
    """Say what `init` made, and what comes next."""
    if done.created:
        say(wrapped(Text("The fleet is ready. Its boxes use the role {role}.", role=done.role)))
    else:
        say(wrapped(Text("The fleet was there already; its tables are those of this version.")))
    for difference in done.differences:
        say(wrapped(Text("{difference}: this box cannot join as it is.", difference=_capital(difference))))
    if done.password is not None:
        say(wrapped(Text("The password is in {path}, which only the service can read.", path=password_file)))
        say(wrapped(Text("Copy the file to each box, to the same place and with the same owner.")))
    say(wrapped(Text("Next, at each box, with the host of PostgreSQL in place of localhost:")))
    say(f"\n  sudo systemctl stop gatewayd\n  sudo gatewayd fleet join '{done.dsn}' --name NAME\n")
    say(
        wrapped(
            Text(
                "PostgreSQL must listen there (listen_addresses) with TLS, and let the boxes in (pg_hba.conf): docs/fleet.md has"
                " the lines."
            )
        )
    )


def show_joined(joined: Joined, plan: Plan, name: str) -> None:
    """Say what `join` changed."""
    if joined.already:
        say(wrapped(Text("{name} is a member of the fleet.", name=name)))
        return
    say(wrapped(Text("{name} has joined the fleet.", name=name)))
    own = {each.id: each.name for each in plan.own}
    for kind, changed in joined.changed.items():
        for old, new in sorted(changed.items()):
            if kind.value == "company":
                text = Text(
                    "Company {old} ({name}) is {new} in the fleet.", old=old, name=own.get(old, ""), new=new
                )
            elif kind.value == "sim":
                text = Text(
                    "SIM {old} is {new} in the fleet; keys that were made here still name it {old}.",
                    old=old,
                    new=new,
                )
            elif kind.value == "key":
                text = Text("Key {old} is {new} in the fleet.", old=old, new=new)
            else:
                text = Text("Webhook {old} is {new} in the fleet.", old=old, new=new)
            say(wrapped(text))
    if plan.deliveries:
        say(
            wrapped(
                Text(
                    "{count} deliveries of webhooks were still due here; they are not made any more.",
                    count=plan.deliveries,
                )
            )
        )


def show_state(fleet: Mapping[str, Any], *, all_columns: bool) -> None:
    """Show the boxes, what waits, and what needs a person."""
    from gatewayd.diagnostics.findings import Grade
    from gatewayd.fleet.setup.findings import of_document

    if not fleet["away"]:
        if all_columns:
            say(tables.wide(fleet["boxes"]))
        else:
            say(tables.listing(fleet["boxes"], _COLUMNS))
        say("")
        for told in _summary(fleet):
            say(wrapped(told))
    for finding in of_document(fleet):
        if finding.grade is not Grade.OK:
            say(f"\n{wrapped(finding.text)}")


def _box_state(box: Row) -> Text | str:
    if box["silent"]:
        return Text("silent")
    return word(box["state"])


_COLUMNS = (
    of("name", Text("box")),
    Column(Text("state"), _box_state, cut=True),
    Column(Text("last beat"), lambda box: f"{box['seen_s']:.0f} s" if box["state"] == "member" else ""),
    Column(Text("SIMs"), lambda box: f"{box['sims_ready']}/{box['sims']}"),
    of("waiting", Text("waiting")),
    of("claimed", Text("claimed")),
    of("started", Text("started")),
    of("in_doubt", Text("in doubt")),
)


def _summary(fleet: Mapping[str, Any]) -> Iterator[str]:
    yield Text(
        "Messages that wait: {waiting}; for a later time: {scheduled}; in doubt: {doubts}.",
        waiting=fleet["waiting"],
        scheduled=fleet["scheduled"],
        doubts=fleet["doubts"],
    )
    duties = [
        Text("{box} ({duties})", box=box["name"], duties=", ".join(box["duties"]))
        for box in fleet["boxes"]
        if box["duties"]
    ]
    if duties:
        yield Text("Done by one box for all: {duties}.", duties=Sentences(duties, "; "))
    if fleet["untold"] is not None:
        yield Text(
            "This box is {name}; {count} of its outcomes are not told yet.",
            name=fleet["name"],
            count=fleet["untold"],
        )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
