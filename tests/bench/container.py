"""Confab's realtime container as it is deployed, but for where Google's certificates come from.

`python -m tests.bench.container CERTIFICATES_URL`
"""

import sys

from firebase_admin import _token_gen

from confab.realtime.__main__ import main

if __name__ == "__main__":
    _token_gen.ID_TOKEN_CERT_URI = sys.argv[1]
    main()
