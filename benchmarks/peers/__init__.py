"""Peers to be measured against: each a child process, most in an environment of their own.

What runs in `.venv-peers` (`make bench-peers`) imports nothing of ours but this package's
`protocol` and `shapes`, which need the standard library only.
"""
