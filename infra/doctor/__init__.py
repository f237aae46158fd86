"""The doctor: what is wrong with a running system, and how to mend it."""
