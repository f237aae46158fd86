"""What every process of Confab tells glibc's allocator, in the cloud and here."""

MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1048576"}
"""Blocks of 1 MiB and more go back to the system when they are freed.

By itself glibc raises this bound up to 32 MiB as blocks are freed, and keeps those below it in its
heap: a process that had served large pages to clients that went away grew by 9 MB with each, for ever.
"""
