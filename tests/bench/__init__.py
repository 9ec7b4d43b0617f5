"""What tools/bench is made of: processes whose CPU time is read, loads, rows of the table."""
