"""A fuzzer of the compiler, guided by coverage: `make fuzz`. Inputs that failed, or were written to, are in `corpus/`."""
