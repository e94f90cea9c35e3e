"""Scenario files that several tests write: one person is away, and spam comes to her."""

ONE_DAY = """title = "A short story"
days = 1
[server]
policy = "external"
[office]
mailboxes = 2
people = ["ann"]
[spam]
mailboxes = { ann = "10/mailbox/day" }
[[absence]]
who = "ann"
"""

TWO_DAYS = """title = "A short story"
days = 2
[server]
policy = "external"
[office]
mailboxes = 3
people = ["ann"]
[spam]
mailboxes = { ann = "30/mailbox/day" }
[[absence]]
who = "ann"
"""
