"""The HTTP door: keys and values, commands as JSON, pub/sub as server-sent events, IDs, health and metrics.

One module a resource (kv, commands, events, ids, metrics, health); door.py listens, app.py puts the resources together,
caller.py says who calls, problems.py how failures are answered, openapi.py describes all of it.
"""
