"""The conformance runner's parts: scope, samples, translation to plugrad, comparison, checks and report."""
