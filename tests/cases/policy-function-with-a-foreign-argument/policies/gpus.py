def deny_gpus(resource):
    yield "no"


async def warn_gpus(change): ...
