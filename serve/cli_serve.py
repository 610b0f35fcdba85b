"""``cityeye serve`` and ``cityeye worker``."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from serve.cli_exit import exit_codes, read_settings
from serve.workflows.queues import WorkQueue

if TYPE_CHECKING:
    from serve.service import Service

_ALL_QUEUES = ",".join(WorkQueue)
QueueNames = Annotated[
    str, typer.Option("--queues", help=f"What to work on, of {', '.join(WorkQueue)}.")
]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8300,
    dev: Annotated[
        bool, typer.Option("--dev", help="Try it out: weak secret allowed, own case system.")
    ] = False,
    workers: Annotated[
        bool, typer.Option(help="Do the work in this process too, not only the API.")
    ] = True,
) -> None:
    """Serve the API and, in the same process, do the work."""
    with exit_codes():
        from serve import logs
        from serve.service import Service
        from serve.workflows.catalog import SCHEDULES
        from serve.workflows.runtime import Runtime

        settings = read_settings()
        if dev:
            settings = settings.model_copy(update={"environment": "development"})
        if dev and "public_url" not in settings.model_fields_set:
            settings = settings.model_copy(update={"public_url": f"http://{host}:{port}"})
        logs.configure(settings)
        case_system = None
        if dev and settings.targets_file is None:
            from serve.casesystem.embedded import start_embedded

            settings, case_system = start_embedded(settings)
        service = Service(settings)
        runtime = Runtime(service, queues=tuple(WorkQueue) if workers else (), schedules=SCHEDULES)
        runtime.launch()
        # uvicorn raises the signal that ended it again. By default that would end the process on
        # the spot, and nobody would be told that its work is free.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            _listen(service, host=host, port=port)
        finally:
            runtime.close()
            service.close()
            if case_system is not None:
                case_system.close()


def worker(queues: QueueNames = _ALL_QUEUES) -> None:
    """Do work of the service; any number of these, anywhere, share it."""
    with exit_codes():
        wanted = _queues(queues)
        from serve import logs
        from serve.service import Service
        from serve.workflows.catalog import SCHEDULES
        from serve.workflows.runtime import Runtime

        settings = read_settings()
        logs.configure(settings)
        service = Service(settings)
        runtime = Runtime(service, queues=wanted, schedules=SCHEDULES)
        runtime.launch()
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        stop.wait()
        runtime.close()
        service.close()


def _queues(text: str) -> tuple[WorkQueue, ...]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in set(WorkQueue)]
    if unknown or not names:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing'}: choose of {', '.join(WorkQueue)}"
        )
    return tuple(WorkQueue(name) for name in names)


def _listen(service: Service, *, host: str, port: int) -> None:
    import uvicorn

    from serve.app import make_app

    settings = service.settings
    config = uvicorn.Config(
        make_app(service),
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=10,
    )
    # uvicorn shuts down in order, then raises the signal again.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()
