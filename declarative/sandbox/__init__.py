"""The embedded control plane: an ASGI application with its own storage, to learn, demonstrate and test with.

`app.create_app` makes it, `serve.serve` offers it over HTTP, `store.reset` empties it, `openapi.document` describes it.
It answers as a control plane of release 2.21 or 2.22 would, and validates every request strictly.
"""
