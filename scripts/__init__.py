"""Scripts that write what the documents say of the code; tests compare the two."""
