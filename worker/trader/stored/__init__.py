"""What the store holds beside the runs, as values: configuration, trading state, orders, fills, locks."""
