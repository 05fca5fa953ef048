"""Bodies of sign-in, accounts, keys, the audit log, and of people's answers. Times are Unix milliseconds."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas import Body
from telemetry.model import Mode
from telemetry.roles import Permission, Role
from telemetry.storage.closings import Cause

Text = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00]+$")]
Why = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00]+$")]
Secret = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
SiteOrAll = Annotated[str, Field(pattern=r"^([a-z0-9-]{1,64}|\*)$", description="A site, or `*` for all of them.")]
TransitionId = Annotated[str, Field(max_length=64, pattern=r"^[^\x00]+$")]


class Asked(Body):
    """The base of what is sent: a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Login(Asked):
    """Sign in."""

    login: Text
    password: Secret
    cookies: bool = Field(default=False, description="Keep the tokens in cookies, and leave them out of the answer.")


class Refresh(Asked):
    """Go on; without a token the cookie is taken."""

    refresh_token: Secret | None = None


class Invited(Asked):
    """Set a password with an invitation, and come in."""

    token: Secret
    password: Secret
    cookies: bool = False


class Granted(Body):
    """A role at a site."""

    role: Role
    site: SiteOrAll = "*"


class Me(Body):
    """Who is signed in."""

    name: str
    display_name: str
    organisation: str
    language: Literal["zh", "en", "both"] | None
    grants: list[Granted]
    permissions: dict[str, list[Permission]] = Field(description="What is allowed, by site; `*` is everywhere.")
    stale: bool = Field(description="The record does not answer: this is as it was told last.")


class SignedIn(Body):
    """Tokens, unless cookies were asked for, and who they are for."""

    access_token: str | None
    refresh_token: str | None
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of RFC 6750
    expires_in: int = Field(description="Seconds that the access token lasts.")
    me: Me


class Ways(Body):
    """How one can sign in here."""

    password: bool
    oidc: str | None = Field(description="The name of the other way, when there is one.")
    empty: bool | None = Field(description="Nobody has an account yet; null when the record does not answer.")


class NewPassword(Asked):
    """Change one's own password."""

    old: Secret
    new: Secret


class Session(Body):
    """An open sign-in."""

    id: str
    created_at: int
    used_at: int
    expires_at: int
    address: str
    agent: str
    this: bool


class Sessions(Body):
    """A person's open sign-ins."""

    items: list[Session]


class Person(Asked):
    """What is said of a person when an account is made or changed."""

    display_name: Text
    organisation: Text
    grants: Annotated[list[Granted], Field(max_length=200)]
    language: Literal["zh", "en", "both"] | None = None
    phone: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")] | None = None


class NewPerson(Person):
    """A new account."""

    login: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,63}$", examples=["li.na"])]


class User(Body):
    """An account."""

    id: int
    login: str
    display_name: str
    organisation: str
    language: str | None
    phone: str | None
    grants: list[Granted]
    disabled: bool
    has_password: bool
    created_at: int


class Users(Body):
    """Accounts."""

    items: list[User]


class Invitation(Body):
    """A link with which a person sets a password, once."""

    path: str = Field(description="To be opened on this server.", examples=["/login#invitation=…"])
    expires_at: int


class NewUser(Body):
    """The account that was made, and how its owner comes in."""

    user: User
    invitation: Invitation


class NewKey(Asked):
    """A key for a program."""

    name: Text
    organisation: Text
    grants: Annotated[list[Granted], Field(min_length=1, max_length=50)]
    days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=365, description="How long it lasts; null: for ever."
    )


class Key(Body):
    """A program's key, without its secret."""

    id: str
    name: str
    organisation: str
    grants: list[Granted]
    created_by: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    used_at: int | None


class Keys(Body):
    """Keys."""

    items: list[Key]


class MadeKey(Body):
    """A key, and its secret: this is the only time that it can be read."""

    key: Key
    secret: str = Field(description="For the header `Authorization: Bearer …` or `X-API-Key`.")


class AuditLine(Body):
    """Who did what."""

    id: int
    at: int
    recorded_at: int = Field(description="Later than `at` when the record was away meanwhile.")
    who: str
    organisation: str | None
    address: str | None
    action: str
    target: str
    site: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Audit(Body):
    """A page of the audit log, newest first."""

    items: list[AuditLine]
    next: int | None


class Bulk(Asked):
    """Several alarms of low priority at once."""

    why: Reason
    alarms: Annotated[list["AlarmName"], Field(min_length=1, max_length=20)]


class AlarmName(Asked):
    """Which alarm."""

    device: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    rule: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


class AcceptedMany(Body):
    """The responses were published."""

    responses: list[str]


class Because(Asked):
    """For a reason."""

    why: Reason


class SetMode(Asked):
    """The mode of a crane: it chooses the limits, and what is suppressed. It moves nothing."""

    mode: Mode
    why: Why | None = None


class Close(Asked):
    """What an alarm was."""

    cause: Cause
    note: Why | None = None


class Closed(Body):
    """What an alarm was; what was said first stays."""

    transition: str
    site: str
    kind: str
    device: str
    rule: str
    cause: Cause
    note: str | None
    who: str
    at: int


class ToClose(Body):
    """An alarm of which nobody has said what it was."""

    transition: str
    position: int
    site: str
    kind: str
    device: str
    rule: str
    severity: int
    life_safety: bool
    at: int
    text: dict[str, str] | None


class AllToClose(Body):
    """A page of them, newest first."""

    items: list[ToClose]
    next: int | None
