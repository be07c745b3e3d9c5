"""The ``edgecnn`` command: one file a command; parse, call one library function, show."""
