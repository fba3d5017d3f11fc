"""Canvas documents: workflows drawn as nodes and edges, read into the steps they mean and written out again."""
