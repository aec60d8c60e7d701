"""Entry point of ``python -m edgevision``, which is the same as the ``edgevision`` command."""

from .cli.main import main

if __name__ == "__main__":
    main()
