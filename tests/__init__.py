"""The tests: a package with a name of its own, which no other package called `tests` can hide, such as the one that Ciw brings."""
