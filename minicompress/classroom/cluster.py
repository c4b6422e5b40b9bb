"""Run a function for many names on the workers of a Dask cluster (the extra `cluster`)."""

from collections.abc import Callable, Iterator

WAIT = 30  # seconds for the scheduler to answer, and for a worker to be there


def map_on(
    address: str, function: Callable[..., dict], tasks: dict[str, tuple], keys: dict[str, str]
) -> Iterator[tuple[str, dict | Exception]]:
    """Call `function(*arguments)` for each name of `tasks`; yield (name, what it returned or raised) as they
    end.

    `keys` are what Dask calls the tasks. When a worker dies, another one runs its tasks again: the function
    must do no harm when it runs twice. ValueError: no Dask here, no scheduler at the address, no worker.
    """
    try:
        import distributed
    except ImportError:
        raise ValueError(
            "--scheduler needs Dask, which is not installed: install minicompress[cluster]"
        ) from None
    try:
        client = distributed.Client(address, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError:
            raise ValueError(f"the Dask scheduler at {address} has no worker: start one") from None
        names = list(tasks)
        columns = zip(*(tasks[name] for name in names), strict=True)
        futures = client.map(function, *columns, key=[keys[name] for name in names], pure=False, retries=0)
        owners = {future.key: name for future, name in zip(futures, names, strict=True)}
        for future in distributed.as_completed(futures, loop=client.loop):
            yield owners[future.key], future.exception() or future.result()
