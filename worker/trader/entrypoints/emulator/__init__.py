"""Google's own emulators of Pub/Sub and Firestore, as processes that never outlive who started them."""
