"""What a set-up is held against: facts that were read, and pure checks that say what is wrong with them."""
