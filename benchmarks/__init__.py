"""The same programs on plugrad and on torch, timed in turns: `python -m benchmarks` in the checkout."""
