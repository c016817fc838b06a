"""The HTTP server: API v1, its event stream and the console. Thin: parse, call, render.

Read in this order: operations (what the server needs of the engine), endpoint (one row of the route table), message
(requests in), faults (refusals out), api (the calls), stream (events, live), token and guard (who may come in), pages
and render (the console), app (the tables put together), runner (sockets and stopping). asyncio lives here and nowhere
else; each call into the engine runs in a worker thread.
"""
