"""What every world in the bank promises, whatever its economics."""
