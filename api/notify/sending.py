"""
A message into a channel: apprise, in a thread, with its own words for what went wrong.

Rule: an address is a secret. apprise and what it stands on may log only what has been washed of it.
"""

import logging
import re
import threading
import warnings
from typing import Final

import apprise

from api.notify.wording import Text
from telemetry.ladder import Address, Channel

SOCKET_S: Final = 5.0  # to connect, and to be answered, each: what apprise waits for in its own thread
_PARTS: Final = re.compile(r"[/@:?&=#\s]+")


class Unsendable(Exception):
    """A channel that no attempt can ever send to: its address is wrong."""


class _Heard(logging.Handler):
    """The last thing that apprise complained of in each thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._own = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it for whoever asks in this thread."""
        self._own.text = record.getMessage()

    def take(self) -> str:
        """What was said in this thread since it was asked last."""
        text = getattr(self._own, "text", "")
        self._own.text = ""
        return text


_heard = _Heard()


def prepare() -> None:
    """
    Load apprise's plugins, once; they and their HTTP client say nothing in our log from then on.

    Their lines hold addresses, at the debug level whole ones. What they warn of while they are loaded, old modules of
    Python that they still import, is no business of ours.
    """
    said = logging.getLogger("apprise")
    said.setLevel(logging.WARNING)
    said.propagate = False
    if _heard not in said.handlers:
        said.addHandler(_heard)
    for name in ("urllib3", "requests", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known(Address("json://localhost"))


def known(address: Address) -> bool:
    """Whether apprise understands an address; nothing is sent."""
    return _service(address) is not None


def send(channel: Channel, text: Text) -> str | None:
    """
    Send it; None when the channel has taken it, else why not. Blocks. Raises Unsendable.

    That a channel has taken it does not say that a person has read it: that is what the ladder waits for.
    """
    _heard.take()
    try:
        service = _service(channel.url)
        if service is None:
            raise Unsendable("apprise does not understand the address of this channel")
        service.socket_connect_timeout = service.socket_read_timeout = SOCKET_S
        done = service.notify(body=text.body, title=text.title, notify_type=apprise.NotifyType.WARNING)
    except Unsendable:
        raise
    except Exception as error:  # a plugin may raise anything; the message waits for another attempt
        return washed(f"{type(error).__name__}: {error}", channel.url)
    return None if done else washed(_heard.take() or "the channel refused it", channel.url)


def _service(address: Address) -> apprise.NotifyBase | None:
    found = apprise.Apprise.instantiate(address.reveal())
    return found if isinstance(found, apprise.NotifyBase) else None


def washed(text: str, address: Address) -> str:
    """A complaint without any part of the address that could be a token."""
    for part in sorted(filter(None, _PARTS.split(address.reveal())), key=len, reverse=True):
        if len(part) >= 6:
            text = text.replace(part, "***")
    return text[:300]
