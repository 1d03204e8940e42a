"""Who a visitor is, on a host that others reach: whoever started a run may change it, and the host's owner any.

A visitor is a random token that the browser makes and keeps in its own storage. Runs hold a digest of it, never the
token. On one's own machine, where `DIGIT_PUBLIC` is not set, everything belongs to whoever opens the page.
"""

import datetime
import hashlib
import hmac
import logging
import re
import time
import zoneinfo

import streamlit as st

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
    """Call on every page: on a public host, asks the browser for its token."""
    if not limits().public:
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
    """The owner's name that runs started now get: None for the host's own, "" for a browser not known yet."""
    if not limits().public or st.session_state.get("is_owner"):
        return None
    token = st.session_state.get("visitor_token")
    return hashlib.sha256(token.encode()).hexdigest()[:32] if token else ""


def may_change(run: Run) -> bool:
    return who() is None or (run.owner != "" and run.owner == who())


def is_owner() -> bool:
    """Whether this is the host's owner: whoever knows the password; where none is set, whoever opens a host that is not
    public."""
    return bool(st.session_state.get("is_owner")) or not (limits().public or _password())


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
            if said != st.session_state.get("password_tried"):  # the page runs again and again with it
                st.session_state["password_tried"] = said
                time.sleep(1)  # guessing takes long
                log.warning("Somebody tried a wrong password")
            st.error("That is not the password.")


def zone() -> datetime.tzinfo | None:
    """The visitor's time zone; None, which means the server's, if the browser does not tell it."""
    try:
        return zoneinfo.ZoneInfo(st.context.timezone) if st.context.timezone else None
    except (ValueError, OSError):  # an unknown name
        return None


def _password() -> str:
    try:
        return str(st.secrets.get("owner_password", ""))
    except (OSError, ValueError):  # there are no secrets, or they cannot be read
        return ""
