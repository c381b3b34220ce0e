def deny_gpus(change):
    if change.after
        yield "no"
