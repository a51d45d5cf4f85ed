"""`gatewayd user …`: manage the persons who use the dashboard."""

from __future__ import annotations

from config.language.text import Text
from gatewayd.accounts import passwords
from gatewayd.accounts.persons import Role, is_login
from gatewayd.admin.context import Context, Id, named
from gatewayd.errors import AdminError
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, persons
from gatewayd.store.tables.persons import Person
from gatewayd.timekeeping.clock import iso


def add(
    context: Context, login: str, password: str, role: str, name: str = "", company: Id | None = None
) -> dict[str, object]:
    """Create a person. `company`: the company that a person of the role `company` sees, and None for the other roles."""
    if not is_login(login):
        raise AdminError(Text("a login must be 1 to 64 letters, digits, dots, hyphens, underscores or @"))
    if role not in list(Role):
        raise AdminError(Text("the role must be one of {roles}", roles=", ".join(Role)))
    if (role == Role.COMPANY) != (company is not None):
        raise AdminError(Text("a person of the role `company` needs a company, and no other person has one"))
    if (fault := passwords.fault(password, login)) is not None:
        raise AdminError(fault)
    shown_name, kept, now = named(name or login), passwords.hashed(password), context.moment().now

    def create(db: Transaction) -> int:
        if company is not None and not accounts.company_exists(db, company):
            raise AdminError(
                Text("there is no company {company}: `gatewayd company list` shows them", company=company)
            )
        person_id = persons.add(db, login, shown_name, role, company, kept, now)
        if person_id is None:
            raise AdminError(Text("there is a person with the login {login} already", login=login))
        return person_id

    person_id = context.store.write(create)
    return next(one for one in list_(context) if one["id"] == person_id)


def list_(context: Context) -> list[dict[str, object]]:
    """List all persons."""
    with context.store.readers.lend() as db:
        return [_shown(person) for person in persons.persons(db)]


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
