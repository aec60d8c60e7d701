"""Entry point of ``python -m edgevision``, which is the same as the ``edgevision`` command."""

from .cli import main

if __name__ == "__main__":
    main()
