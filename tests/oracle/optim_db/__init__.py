"""The parts of run_optim_db.py: torch's optimizer samples, run on torch and on plugrad side by side."""
