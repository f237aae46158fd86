"""A Socket.IO server: Engine.IO v4 and Socket.IO v5 as state machines, and aiohttp around them.

`packets`, `engine`, `connection`, `admission` and `limits` decide, and neither wait nor read a clock;
`socket`, `websocket`, `polling`, `wire` and `server` do what they decide. `api` is what the server
and its application have in common.
"""
