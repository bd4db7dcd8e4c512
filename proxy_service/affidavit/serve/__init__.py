"""The server: ASGI application, lifespan, worker process."""
