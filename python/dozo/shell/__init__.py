"""The client behind `dozo cli`: a prompt, one-shot commands and pipes, for Redis and for memcached servers.

Owns reading lines, asking a server and printing its reply as redis-cli does. Refuses to know dozo's insides: it is a
client like any other and works against the original servers too.
"""
