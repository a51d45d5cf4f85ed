"""`gatewayd user …`: manage the persons who use the dashboard, and their sessions."""

from __future__ import annotations

from typing import Literal

from pydantic import with_config
from typing_extensions import TypedDict

from config.language.text import Text
from gatewayd.accounts import passwords
from gatewayd.accounts.persons import Role, is_login
from gatewayd.admin.context import ONLY_THESE, Context, Id, named
from gatewayd.errors import AdminError, WrongUseError
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, persons
from gatewayd.store.tables.persons import Person
from gatewayd.timekeeping.clock import iso

User = Id | str
"""A person: the id, or the login."""


@with_config(ONLY_THESE)
class Changes(TypedDict, total=False):
    """What `set_` may change. `company`: of the role `company`, else None. `language` None: the browser's."""

    name: str
    role: str
    company: Id | None
    language: Literal["en", "fr"] | None
    active: bool
    password: str


def add(
    context: Context, login: str, password: str, role: str, name: str = "", company: Id | None = None
) -> dict[str, object]:
    """Create a person. `company`: the company that a person of the role `company` sees, and None for the other roles."""
    return _create(context, login, password, role, name, company, first=False)


def add_first(context: Context, login: str, password: str, name: str = "") -> dict[str, object]:
    """Create the first person, an owner. Raises AdminError if there is a person already: of two, one is created."""
    return _create(context, login, password, Role.OWNER, name, None, first=True)


def list_(context: Context) -> list[dict[str, object]]:
    """List all persons."""
    with context.store.readers.lend() as db:
        return [_shown(person) for person in persons.persons(db)]


def set_(context: Context, user: User, changes: Changes, keep_session: Id | None = None) -> dict[str, object]:
    """Change a person. A new password, and the end of `active`, close the person's sessions except `keep_session`."""
    if not changes:
        raise WrongUseError(Text("name at least one change"))
    columns: dict[str, object] = {key: changes[key] for key in ("language", "active") if key in changes}
    if "name" in changes:
        columns["name"] = named(changes["name"])
    kept = None
    if "password" in changes:
        with context.store.readers.lend() as db:
            login = _person(db, user).login
        if (fault := passwords.fault(changes["password"], login)) is not None:
            raise AdminError(fault)
        kept = passwords.hashed(changes["password"])

    def change(db: Transaction) -> int:
        person = _person(db, user)
        role = changes.get("role", person.role)
        # A person that becomes an owner or an operator has no company any more.
        unchanged = person.company_id if role == person.role else None
        company = changes.get("company", unchanged)
        _check_role(db, role, company)
        if role != Role.OWNER or not changes.get("active", True):
            _leave_an_owner(db, person)
        values = {**columns, "role": role, "company_id": company}
        if kept is not None:
            values["password"] = kept
        persons.update(db, person.id, values)
        if kept is not None or changes.get("active") is False:
            persons.close_sessions(db, person.id, but=keep_session)
        return person.id

    return _one(context, context.store.write(change))


def remove(context: Context, user: User) -> dict[str, object]:
    """Remove a person and its sessions. The audit log keeps the login."""

    def drop(db: Transaction) -> Person:
        person = _person(db, user)
        _leave_an_owner(db, person)
        persons.remove(db, person.id)
        return person

    return _shown(context.store.write(drop))


def sessions(context: Context, user: User) -> list[dict[str, object]]:
    """List the sessions of a person, newest first."""
    with context.store.readers.lend() as db:
        return [
            {
                "id": session.id,
                "opened": iso(session.created_at),
                "used": iso(session.seen_at),
                "address": session.address,
                "browser": session.agent,
            }
            for session in persons.sessions(db, _person(db, user).id)
        ]


def close_sessions(
    context: Context, user: User, session: Id | None = None, keep_session: Id | None = None
) -> dict[str, object]:
    """Close one session of a person, or all except `keep_session`; their number."""

    def close(db: Transaction) -> int:
        person = _person(db, user)
        if session is None:
            return persons.close_sessions(db, person.id, but=keep_session)
        if not persons.close_one_session(db, person.id, session):
            raise AdminError(Text("this session has ended already"))
        return 1

    return {"closed": context.store.write(close)}


def _create(
    context: Context, login: str, password: str, role: str, name: str, company: int | None, *, first: bool
) -> dict[str, object]:
    if not is_login(login):
        raise WrongUseError(Text("a login must be 1 to 64 letters, digits, dots, hyphens, underscores or @"))
    if (fault := passwords.fault(password, login)) is not None:
        raise AdminError(fault)
    shown_name, kept, now = named(name.strip() or login), passwords.hashed(password), context.moment().now

    def create(db: Transaction) -> int:
        if first and persons.exist(db):
            raise AdminError(Text("there is a person already: log in"))
        _check_role(db, role, company)
        person_id = persons.add(db, login, shown_name, role, company, kept, now)
        if person_id is None:
            raise AdminError(Text("there is a person with the login {login} already", login=login))
        return person_id

    return _one(context, context.store.write(create))


def _check_role(db: Transaction, role: str, company: int | None) -> None:
    if role not in list(Role):
        raise WrongUseError(Text("the role must be one of {roles}", roles=", ".join(Role)))
    if (role == Role.COMPANY) != (company is not None):
        raise AdminError(Text("a person of the role `company` needs a company, and no other person has one"))
    if company is not None and not accounts.company_exists(db, company):
        raise AdminError(Text("there is no company {company}", company=company))


def _leave_an_owner(db: Transaction, person: Person) -> None:
    """Raise AdminError if this person is the last owner that may log in."""
    if person.role == Role.OWNER and person.active and not persons.other_owner(db, person.id, Role.OWNER):
        raise AdminError(
            Text(
                "{login} is the last owner who may log in: make another person an owner first",
                login=person.login,
            )
        )


def _person(db: Transaction, user: int | str) -> Person:
    found = persons.by_id(db, user) if isinstance(user, int) else persons.by_login(db, user)
    if found is None:
        raise AdminError(Text("there is no person {user}", user=user))
    return found


def _one(context: Context, person_id: int) -> dict[str, object]:
    with context.store.readers.lend() as db:
        return _shown(_person(db, person_id))


def _shown(person: Person) -> dict[str, object]:
    return {
        "id": person.id,
        "login": person.login,
        "name": person.name,
        "role": person.role,
        "company": person.company_id,
        "language": person.language,
        "active": person.active,
        "created": iso(person.created_at),
    }
