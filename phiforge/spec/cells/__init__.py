"""Cells of networks as a spec writes them: nodes, edges and operations, what they cost, and how they are said."""
