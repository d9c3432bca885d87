"""Firestore and Pub/Sub, or their emulators; imported only where they are chosen."""
