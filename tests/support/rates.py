"""Settings under which everybody may do as much as they like, as often as they like."""

NO_RATES = dict.fromkeys(
    (
        "CONFAB_MESSAGES_PER_10S",
        "CONFAB_AGENT_MESSAGES_PER_10S",
        "CONFAB_READS_PER_10S",
        "CONFAB_CREATES_PER_10S",
        "CONFAB_ADDITIONS_PER_10S",
        "CONFAB_RENEWALS_PER_10S",
        "CONFAB_REQUESTS_PER_USER",
    ),
    "0",
)
