"""Visitor identity on a shared host: visitors may change the runs they started, and the host's owner everything.

A host is shared if `DIGIT_PUBLIC` is set or if it has an owner's password; otherwise every visitor is its owner. A
visitor is identified by a random token that the browser generates and keeps in local storage. Runs store a digest of
the token, never the token itself.
"""

import datetime
import hashlib
import hmac
import logging
import re
import secrets
import time
import zoneinfo
from pathlib import Path

import streamlit as st

from digit_core import records
from digit_core.runs.limits import limits
from digit_core.runs.store import Run

log = logging.getLogger(__name__)

TOKEN = re.compile(r"[0-9a-f]{64}")

_JS = """
const STORE = "inkling-visitor";
let made = null;  // for browsers that refuse storage: as long as the page lives

function token() {
  try { made = window.localStorage.getItem(STORE) ?? made; } catch (error) { /* private modes */ }
  if (!/^[0-9a-f]{64}$/.test(made ?? "")) {
    const bytes = crypto.getRandomValues(new Uint8Array(32));
    made = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    try { window.localStorage.setItem(STORE, made); } catch (error) { /* likewise */ }
  }
  return made;
}

export default function ({ data, setStateValue }) {
  if (!data.known) setStateValue("token", token());
}
"""

_component = st.components.v2.component("inkling_visitor", html="<div></div>", css="div { height: 0; }", js=_JS)


def meet() -> None:
    """Get the browser's token on a shared host; call on every page."""
    if not _is_shared():
        return
    said = _component(
        key="visitor",
        data={"known": "visitor_token" in st.session_state},
        default={"token": None},
        on_token_change=lambda: None,
    )
    token = said.token
    if isinstance(token, str) and TOKEN.fullmatch(token):
        st.session_state["visitor_token"] = token


def who() -> str | None:
    """Return the owner id for new runs: None for the host's owner, "" if the browser's token is not known yet."""
    if is_owner():
        return None
    token = st.session_state.get("visitor_token")
    return hashlib.sha256(token.encode()).hexdigest()[:32] if token else ""


def may_change(run: Run) -> bool:
    return who() is None or (run.owner != "" and run.owner == who())


def is_owner() -> bool:
    """Return whether this visitor is the host's owner: they entered the password, or the host is not shared."""
    return bool(st.session_state.get("is_owner")) or not _is_shared()


def _is_shared() -> bool:
    return limits().public or bool(_password())


def ask_for_password() -> None:
    """A field for the owner's password, if one is set in Streamlit's secrets."""
    password = _password()
    if not password or is_owner():
        return
    with st.popover("For the owner of this server", type="tertiary", key="owner"):
        said = st.text_input("Password", type="password", key="owner_password")
        if said and hmac.compare_digest(said.encode(), password.encode()):
            st.session_state["is_owner"] = True
            st.rerun()
        elif said:
            if said != st.session_state.get("password_tried"):  # each rerun submits it again
                st.session_state["password_tried"] = said
                time.sleep(1)  # slows down guessing
                log.warning("Somebody tried a wrong password")
            st.error("Wrong password.")


def zone() -> datetime.tzinfo | None:
    """Return the visitor's time zone; None, meaning the server's, if it is unknown."""
    try:
        return zoneinfo.ZoneInfo(st.context.timezone) if st.context.timezone else None
    except (KeyError, ValueError, OSError):  # an unknown name
        return None


def _password() -> str:
    """The owner's password, "" if none is set. If secrets exist but cannot be read, one that nobody can know."""
    try:
        return str(st.secrets.get("owner_password", ""))
    except (OSError, ValueError) as error:
        if not any(Path(file).is_file() for file in st.get_option("secrets.files")):
            return ""
        records.warn_once(f"The secrets cannot be read, so nobody can be the owner: {error}")
        return secrets.token_hex()
