"""A fuzzer of the compiler, guided by coverage: `make fuzz`. What once failed is in `corpus/`, and stays a test."""
