"""Any small office, as hypothesis draws it: one to three days of any server, policy, route, cause, list, loop, and hand on the queues.

What is drawn is kept small (rates, waits, lags), so that a run takes a fraction of a second.
"""

import json
from typing import Any

from hypothesis import strategies as st

from sim.profiles import PROFILES
from sim.profiles.responders import RESPONDERS

__all__ = ["documents", "toml"]

SHARE = st.sampled_from(["0 %", "5 %", "50 %", "100 %"])
MOMENT = st.sampled_from(["day 1", "day 1 00:01", "day 1 09:30", "day 1 13:00:07", "day 1 23:00", "day 2", "day 2 12:00", "day 3 08:00"])
ON = st.booleans()


def of(*values: object) -> st.SearchStrategy:
    return st.sampled_from(values)


def some(**keys: st.SearchStrategy) -> st.SearchStrategy:
    """A table with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


def sized(key: str, size: st.SearchStrategy, **keys: st.SearchStrategy) -> st.SearchStrategy:
    """A table that says how much comes, or how soon: so that a run is shorter than by default."""
    return st.fixed_dictionaries({key: size}, optional=keys)


@st.composite
def few(draw: st.DrawFn, keys: dict[str, st.SearchStrategy], most: int) -> dict[str, Any]:
    """A table with so many of these keys at most."""
    return {key: draw(keys[key]) for key in sorted(draw(st.sets(st.sampled_from(sorted(keys)), max_size=most)))}


SERVER = {
    "retry": of(["20 min"], ["10 min", "15 min"], ["30 s", "3 h"]),
    "minimal_backoff": of("1 min", "5 min"),
    "maximal_backoff": of("20 min", "1 h"),
    "queue_run": of("5 min", "30 min"),
    "retry_rule": of("F,1h,15m", "F,2h,5m; G,16h,1h,1.5; F,1d,6h"),
    "retry_skip": of(1, 20),
    "retry_unit": of("1 s", "400 s"),
    "first_retry": of("1 min", "20 min"),
    "longest_retry": of("30 min", "none"),
    "most_attempts": of(1, 2, 8),
    "resubmit_after": of("20 min", "2 h", "never"),
    "suspend_for": of("0 s", "10 min", "1 h"),
    "suspend_after": of(1, 3),
    "nxdomain": of("permanent", "temporary"),
    "null_mx": of("permanent", "temporary"),
    "addresses_tried": of(1, 3),
    "glitch_retries": of(0, 3),
    "message_retry": of("10 min", "1 h"),
    "expiry": of("30 s", "1 h", "6 h", "1 d"),
    "delay_notice": of("10 s", "1 h", "4 h", "never"),
    "forget_after": of("1 s", "1 h"),
    "connections": of(1, 2, 20),
    "connections_per_hop": of(1, 2),
    "messages_per_connection": of(1, 3),
    "connect_timeout": of("1 s", "90 s"),
    "reports_failures": ON,
}
REPLIES = some(
    responder=of(*RESPONDERS),
    return_path=of("user", "null"),
    every=of("absence", "message", "1 h"),
    history=of(1, 3, "unlimited"),
    when_full=of("answer", "forget"),
    rate_limit=of("off", "1/mailbox/hour"),
    ignore_auto_submitted=ON,
    ignore_precedence=ON,
    ignore_junk=ON,
)
SPAM = some(
    rate=of("0/mailbox/day", "10/mailbox/day", "40/mailbox/day"),
    unknown_recipients=of("0/day", "40/day"),
    arrivals=of("steady", "campaigns"),
    harvests=of("0/day", "1/day"),
    harvest_size=of(20),
    providers=of("0 %", "27 %", "43 %"),
    new_addresses=SHARE,
    null_sender=SHARE,
    flagged=SHARE,
    unresolvable=SHARE,
    nxdomain=SHARE,
    silent=of("0 %", "40 %"),
    refusing=of("0 %", "30 %"),
    busy=of("0 %", "30 %"),
    null_mx=SHARE,
    addresses=of(
        {},
        {"stranger": "100 %", "full": "0 %", "spammer": "0 %", "trap": "0 %"},
        {"stranger": "0 %", "full": "100 %", "spammer": "0 %", "trap": "0 %"},
        {"stranger": "0 %", "full": "0 %", "spammer": "50 %", "trap": "50 %"},
        {"stranger": "0 %", "full": "0 %", "spammer": "0 %", "trap": "0 %"},
    ),
)
WANTED = some(
    into=of("0/mailbox/day", "20/mailbox/day"),
    out=of("0/mailbox/day", "20/mailbox/day"),
    internal=of("0/mailbox/day", "10/mailbox/day"),
    lists=of("0/mailbox/day", "10/mailbox/day"),
    partners=of(1, 2),
    correspondents=of(1, 8),
    partner_share=SHARE,
    newcomers=SHARE,
    typos=SHARE,
)
WORLD = some(
    greylisting=SHARE,
    greylist_delay=of("1 s", "5 min", "2 h"),
    outages=of("0/hop/week", "20/hop/week"),
    outage=of("1 min", "4 h"),
    busy_spell=of("20 min", "3 h"),
    several=SHARE,
    addresses=of(2, 5),
    first_dead=SHARE,
    full_for_good=SHARE,
    session=of("0.001 s", "2 s", "60 s"),
    reply_lag=of("0.001 s", "3 s", "2 h"),
)
FILTER = some(kind=of("none", "junk-first", "refuse-unresolvable"), recipients=ON, hit=SHARE, false_positive=SHARE)
RATE = of("0/day", "20/day", "100/day")
WHO = of("ann", "1")
SPAN = {"from": MOMENT}
CAUSES = {
    "notice_lag": of("10 min", "1 h"),
    "targets": some(providers=SHARE, domains=of(1, 500), gone=SHARE, nobody=of("0 %", "50 %"), trap=of("0 %", "50 %")),
    "reverse_ndr": sized("rate", RATE, **SPAN),
    "infected_pc": sized("rate", RATE, **SPAN, who=WHO, senders=of("user", "forged")),
    "stolen_account": sized("rate", RATE, **SPAN, who=WHO, senders=of("user", "forged")),
    "open_relay": sized("rate", RATE, **SPAN),
    "receipts": some(**SPAN, wanted=SHARE, spam=SHARE, delivery=ON, read=SHARE, read_lag=of("1 min", "4 h")),
    "newsletter": sized("recipients", of(1, 60), **SPAN, who=WHO, over=of("1 min", "1 h"), gone=SHARE, nobody=of("0 %", "50 %")),
    "forward": some(**SPAN, who=WHO, to=of("living", "full", "nobody", "gone"), keeps_sender=ON),
    "store_outage": some(**SPAN, delay_notice=of("1 s", "1 h")),
    "partner_outage": some(**SPAN, how=of("silent", "refused", "dns")),
    "dns_outage": some(**SPAN, how=of("timeout", "servfail")),
}
LIST = sized("delay", of("10 min", "1 h"), hits=of(1, 3), within=of("1 h", "7 d"), lasts=of("1 min", "1 d"), asked_by=SHARE)
LISTING = few(dict.fromkeys(("spamcop", "backscatterer", "sem_backscatter", "abusix"), LIST), 2)
ROUTE = some(
    relay=of("postfix", "exchange-2016", "kumomta"),
    expiry=of("1 h", "1 d"),
    connections=of(1, 20),
    throttle=of("off", "2/hour", "100/hour"),
    refuses=of("0 %", "50 %"),
    outages=of("0/hop/week", "20/hop/week"),
    outage=of("10 min", "6 h"),
)
OWN = some(replies=REPLIES, breaker=some(queues=of(0, 2), poll=of("20 min", "1 h"), rest=of("1 s", "6 h"))).flatmap(
    lambda table: of(*(table | {"audience": who} for who in ("internal", "partners", "contacts", "known", "everybody")))
)
HAND = of(
    *({deed: which} for deed in ("freeze", "thaw", "force_retry") for which in ("all", "retry")),
    *({"delete": which, "dsn": dsn} for which in ("all", "autoreplies", "retry") for dsn in (True, False)),
    {"connections": 1},
    {"connections": 30, "connections_per_hop": 3},
)
TABLES = {
    "route": ROUTE.map(lambda table: {"to": "smarthost"} | table),
    "policy": OWN.map(lambda table: {"mine": table}),
    "confirmed": some(rate=of("1/day", "20/day"), lag=of("10 min", "1 d"), most=of(1, 20)),
    "loops": sized("lag", of("10 min", "3 h"), responders=SHARE, every_message=SHARE, marked=ON, most=of(1, 30)),
    "breaker": some(queues=of(0, 2, 10), poll=of("20 min", "1 h"), rest=of("1 s", "6 h")),
    "cause": few(CAUSES, 3).map(lambda table: {"notice_lag": "10 min"} | table),
    "listing": LISTING,
}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A small office, one to three days long, anything in it."""
    profile = PROFILES[draw(st.sampled_from(sorted(PROFILES)))]
    offered = sorted(policy for policy, switch in profile.policies.items() if not switch.why_not)
    server = {key: values for key, values in SERVER.items() if f"server.{key}" in profile.settings}
    days = draw(of(1, 2, 3))
    begins, ends = draw(of("day 1", "day 1 06:30", "day 1 09:30:01")), draw(of("day 1 09:31", "day 1 18:00", "day 2 06:00", None))
    absences = [{"who": "ann", "from": begins} | ({} if ends is None else {"until": ends})]
    if draw(ON):
        absences.append({"who": "1", "every": draw(of("Mon", "Tue Wed")), "switched": draw(of("once", "each-time"))})
    deeds = of(
        {"mailbox": "ann", "replies": "off"},
        {"mailbox": "ann", "replies": "on"},
        {"mailbox": "ann", "absence": "ends"},
        *({"policy": policy} for policy in offered),
    )
    deeds = deeds if profile.no_hand else deeds | HAND | HAND
    changes = [{"at": draw(MOMENT.filter(lambda at: at <= f"day {days}"))} | draw(deeds) for _ in range(draw(st.integers(0, 4)))]
    found: dict[str, Any] = {
        "title": "any office",
        "days": days,
        "office": {"mailboxes": draw(of(2, 3, 6)), "people": ["ann"]},
        "absence": absences,
        "change": changes,
        "server": {"profile": profile.name, "policy": draw(st.sampled_from(offered))} | draw(some(**server)),
        "replies": draw(REPLIES),
        "spam": draw(SPAM),
        "filter": draw(FILTER),
        "wanted": draw(WANTED),
        "world": draw(WORLD),
    }
    return found | draw(few(TABLES, 3))


def toml(table: dict[str, Any], name: str = "") -> str:
    """A document as a scenario file has it."""
    lines = [f"[{name}]"] if name else []
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    lists = {key: value for key, value in table.items() if isinstance(value, list) and value and isinstance(value[0], dict)}
    lines += [f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in tables and key not in lists and value != []]
    for key, entries in lists.items():
        lines += [f"[[{key}]]\n" + toml(entry) for entry in entries]
    lines += [toml(value, f"{name}.{key}" if name else key) for key, value in tables.items()]
    return "\n".join(lines)
