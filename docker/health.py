"""Exit status 0 while the receiver of this container answers /healthz, 1 and one line otherwise.

The image has no curl. Plain HTTP on loopback: TLS ends at the proxy before the receiver.
"""

import json
import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

TIMEOUT_SECONDS = 3.0


def main() -> int:
    """Ask once."""
    url = f"http://127.0.0.1:{os.environ.get('KILOCALL_PORT', '8080')}/healthz"
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            status = json.load(answer)["status"]
    except (URLError, OSError, ValueError, KeyError) as error:
        print(f"{url}: {error}")
        return 1
    print(f"{url}: {status}")
    return 0 if status == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
