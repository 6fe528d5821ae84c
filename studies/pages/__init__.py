"""Tables, outputs and the model card that are written from stored results, never by hand."""
