"""From a traced model to one graph that only computes, and why a graph cannot become a file."""
