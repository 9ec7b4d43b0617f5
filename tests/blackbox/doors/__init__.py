"""The tables of test_doors.py, one file a building block."""
