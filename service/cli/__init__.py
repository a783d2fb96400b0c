"""The commands, one module each; `service.__main__` puts them together.

Every module has `add_to`, which declares its command, and leaves a function in the parsed
arguments that runs it and returns the exit status.
"""
