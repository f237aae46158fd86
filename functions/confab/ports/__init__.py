"""The ports: what the use cases and the rooms need from outside, and what each adapter guarantees.

Every call has a deadline, and raises Unavailable if its dependency has not answered by then, retries
included. No adapter raises anything else that is not named in its port.
"""
