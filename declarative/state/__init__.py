"""What the tool remembers of each resource, kept so that no kill, lost answer or second apply can spoil it.

`store` is the contract, `format` the rows, `sqlite` the store that needs no server, `opening` finds the store of a URL.
"""
