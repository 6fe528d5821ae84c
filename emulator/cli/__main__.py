"""`python -m emulator.cli` is the `emulator` command."""

from emulator.cli.app import main

if __name__ == "__main__":
    main()
