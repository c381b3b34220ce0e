def gpus(change):
    return 1
