"""What somebody sends who wants an analyzer to hang, crash, lie or swell. Costs are counted work, or memory: no time."""
