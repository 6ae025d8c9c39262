"""``python -m niki``: the command line."""

import sys


def main() -> int:
    """Import and run the command line; being stopped while that is imported is no fault to trace."""
    try:
        from . import cli

        return cli.main()
    except KeyboardInterrupt:
        print("niki: stopped", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
