"""Runs a module with firebase-admin's Google on loopback: `python -m tests.support.redirected URL MODULE …`.

Nothing else differs from production: tokens are verified by their signature, users are looked up.
"""

import runpy
import sys

from firebase_admin import _token_gen, _user_mgt


def main() -> None:
    """Redirect firebase-admin, then become the module."""
    google, module, *arguments = sys.argv[1:]
    _token_gen.ID_TOKEN_CERT_URI = f"{google}/certificates"
    _user_mgt.UserManager.ID_TOOLKIT_URL = f"{google}/v1"
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
