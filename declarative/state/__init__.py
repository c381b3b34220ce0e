"""What the tool remembers of each resource, kept so that no kill, lost answer or second apply can spoil it.

`store` is the contract, `format` the rows, `sqlite` the store that needs no server, `postgres` the one that a team
shares, `opening` finds the store of a URL.
"""
