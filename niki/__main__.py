"""``python -m niki``: the command line."""

import sys


def main() -> int:
    """Import and run the command line. Ctrl-C during the import ends it without a traceback."""
    try:
        from . import cli

        return cli.main()
    except KeyboardInterrupt:
        print("niki: stopped", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
