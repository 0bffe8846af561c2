"""Modules beside torch's: the same weights, inputs and seeds, in training and in evaluation."""
