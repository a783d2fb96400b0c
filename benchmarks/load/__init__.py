"""Requests over real HTTP: how much of the engine's speed arrives at clients, and how soon.

__main__   the command
traffic    what to send: streams, open or closed, and what came of them
client     sends it, in a process of its own
wire       the little of HTTP/1.1 that a client needs
server     the service under test, in a process of its own
engine     the engine alone, in a process of its own: what HTTP is measured against
bodies     what requests say
whole      the service with an engine that batches in whole
"""
